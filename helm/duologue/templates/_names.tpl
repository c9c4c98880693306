{{/* Names and labels. */}}

{{- define "duologue.fullname" -}}
{{- $name := .Values.fullnameOverride | default (ternary .Release.Name (printf "%s-duologue" .Release.Name) (contains "duologue" .Release.Name)) -}}
{{- if or (gt (len $name) 40) (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name)) -}}
{{- fail (printf "'%s' cannot be the name: KubeRay takes at most 40 letters, digits and hyphens, a letter first; set fullnameOverride" $name) -}}
{{- end -}}
{{- $name -}}
{{- end }}

{{/* What the objects of a release have in common. KubeRay puts app.kubernetes.io/name on its pods itself. */}}
{{- define "duologue.selector" -}}
app.kubernetes.io/part-of: duologue
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "duologue.labels" -}}
{{ include "duologue.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{/* Labels of a pod: (list $ component). No version: a chart's release alone changes no pod. */}}
{{- define "duologue.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "duologue.selector" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{- with $root.Values.pods.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* An image: (list $ name). A name with a digest needs no tag. */}}
{{- define "duologue.image" -}}
{{- $root := index . 0 -}}
{{- $image := printf "%s/%s" $root.Values.image.registry (index . 1) -}}
{{- if not (contains "@" $image) -}}
{{- $image = printf "%s:%s" $image ($root.Values.image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}
{{- $image -}}
{{- end }}
