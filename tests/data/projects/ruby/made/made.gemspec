Gem::Specification.new do |spec|
  spec.name = "made"
  spec.version = "0.1.0"
  spec.summary = "made for tests"
  spec.authors = ["upmon"]
  spec.add_dependency "webrick", "~> 1.8.0"
  spec.add_development_dependency "power_assert", ">= 1", "< 3"
end
