{{/* How gateways may come and go. */}}

{{- define "duologue.scalingBehavior" -}}
# Whoever goes takes conversations with it: rarely, and one by one.
scaleDown:
  stabilizationWindowSeconds: 600
  policies:
    - type: Pods
      value: 1
      periodSeconds: 120
{{- end }}
