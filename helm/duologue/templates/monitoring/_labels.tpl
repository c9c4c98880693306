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

{{/*
The same of alerts, given the root and a path. What absent() finds has no labels but those that it
asks for: it asks in the release's namespace, since others may share a Prometheus with it.
*/}}
{{- define "duologue.alerts" -}}
{{- $namespace := printf "namespace=%q" (index . 0).Release.Namespace -}}
{{- $text := include "duologue.linked" . -}}
{{- $text = regexReplaceAll `absent\((\w+)\{` $text (printf "absent(${1}{%s, " $namespace) -}}
{{- regexReplaceAll `absent\((\w+)([ )])` $text (printf "absent(${1}{%s}${2}" $namespace) -}}
{{- end -}}

{{/* What Prometheus shows to processes that speak mutual TLS, and whom it takes them for. */}}
{{- define "duologue.metricsTls" -}}
{{- with .Values.cluster.tls }}
{{- if .existingSecret }}
scheme: https
tlsConfig:
  serverName: {{ .name }}
  ca:
    secret: {name: {{ .metricsSecret }}, key: ca.crt}
  cert:
    secret: {name: {{ .metricsSecret }}, key: tls.crt}
  keySecret: {name: {{ .metricsSecret }}, key: tls.key}
{{- end }}
{{- end }}
{{- end }}
