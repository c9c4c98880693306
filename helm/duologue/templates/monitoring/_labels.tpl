{{/* What Prometheus selects its objects by. */}}

{{- define "duologue.monitorLabels" -}}
{{ include "duologue.labels" . }}
{{- with .Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A file of the chart, given the root and its path, with links into the docs made whole. */}}
{{- define "duologue.linked" -}}
{{- $text := (index . 0).Files.Get (index . 1) -}}
{{- with (index . 0).Values.monitoring.docs -}}
{{- $text = replace "docs/operations.md" (printf "%s/operations.md" .) $text -}}
{{- end -}}
{{- $text -}}
{{- end -}}
