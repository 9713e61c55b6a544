{{/* Names are cut at 63 characters, which a DNS label may have. */}}
{{- define "upmon.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "upmon.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "upmon.labels" -}}
{{ include "upmon.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* What cannot work is refused here, before anything is installed. */}}
{{- define "upmon.check" -}}
{{- if not .Values.pins -}}
{{- fail "there are no `pins`: --set-json pins=\"$(cat upstream-versions.json)\"" -}}
{{- end -}}
{{- if and .Values.postgresql (not .Values.existingSecret) -}}
{{- fail "`postgresql` needs `existingSecret`: the Secret whose `database-url` is the address" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.postgresql) -}}
{{- fail "several `replicas` need `postgresql`: an SQLite file belongs to one" -}}
{{- end -}}
{{- end -}}
