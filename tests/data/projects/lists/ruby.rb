# What Bundler reads in the Gemfile.lock of the current directory: the direct dependencies from gem servers with their
# versions. Gems of the project itself, and those from git, are left out.

ENV["BUNDLE_GEMFILE"] = File.expand_path("Gemfile") # a lock file may be kept without it
require "bundler"

lock = Bundler::LockfileParser.new(File.read("Gemfile.lock"))
paths = lock.specs.select { |spec| spec.source.instance_of?(Bundler::Source::Path) }
served = lock.specs.select { |spec| spec.source.is_a?(Bundler::Source::Rubygems) }
own = paths.map(&:name)
direct = lock.dependencies.values.map(&:name) + paths.flat_map { |spec| spec.dependencies.map(&:name) }
listed = served.select { |spec| direct.include?(spec.name) && !own.include?(spec.name) }
puts listed.map { |spec| "#{spec.name} #{spec.version}" }.uniq.sort
