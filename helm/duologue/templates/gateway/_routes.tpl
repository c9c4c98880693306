{{/* Ways to the gateways from outside. */}}

{{/* An Ingress with TLS: (list $ path values name port). */}}
{{- define "duologue.ingress" -}}
{{- $root := index . 0 -}}{{- $path := index . 1 -}}
{{- with index . 2 }}
{{- if .enabled }}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ index $ 3 }}
  labels: {{- include "duologue.labels" $root | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .className }}
  ingressClassName: {{ . }}
  {{- end }}
  tls:
    - secretName: {{ required (printf "%s.tlsSecret: it needs TLS, since keys travel in each call" $path) .tlsSecret }}
      hosts: [{{ required (printf "%s.host: say for which name" $path) .host | quote }}]
  rules:
    - host: {{ .host | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "duologue.fullname" $root }}-gateway
                port:
                  name: {{ index $ 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* A route of the Gateway API: (list $ path values kind name port). */}}
{{- define "duologue.route" -}}
{{- $root := index . 0 -}}{{- $path := index . 1 -}}
{{- with index . 2 }}
{{- if .enabled }}
{{- if not .parents }}{{ fail (printf "%s.parents: name your Gateway" $path) }}{{ end }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: {{ index $ 3 }}
metadata:
  name: {{ index $ 4 }}
  labels: {{- include "duologue.labels" $root | nindent 4 }}
spec:
  parentRefs: {{- toYaml .parents | nindent 4 }}
  {{- with .hostnames }}
  hostnames: {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    - backendRefs:
        - name: {{ include "duologue.fullname" $root }}-gateway
          port: {{ index $ 5 }}
{{- end }}
{{- end }}
{{- end }}
