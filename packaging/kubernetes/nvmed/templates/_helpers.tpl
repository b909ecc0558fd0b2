{{- define "nvmed.name" -}}
{{ .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "nvmed.fullname" -}}
{{- $name := include "nvmed.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "nvmed.selector" -}}
app.kubernetes.io/name: {{ include "nvmed.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nvmed.labels" -}}
{{ include "nvmed.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "nvmed.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The name by which the daemons' certificate is known to clients. */}}
{{- define "nvmed.serverName" -}}
{{ include "nvmed.fullname" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "nvmed.tlsSecret" -}}
{{ .Values.tls.secretName | default (printf "%s-tls" (include "nvmed.fullname" .)) }}
{{- end }}

{{/* Whom a client of the chart's own is: for `helm test`, and for Prometheus. */}}
{{- define "nvmed.ownUri" -}}
spiffe://{{ include "nvmed.serverName" .root }}/{{ .name }}
{{- end }}

{{/* All clients with certificates of cert-manager's, as {"clients": [...]}: those of values, and the chart's own. */}}
{{- define "nvmed.clients" -}}
{{- $clients := list -}}
{{- range .Values.clients -}}
{{- $clients = append $clients . -}}
{{- end -}}
{{- if .Values.tls.certManager.enabled -}}
{{- if .Values.tests.enabled -}}
{{- $uri := include "nvmed.ownUri" (dict "root" . "name" "test") -}}
{{- $clients = append $clients (dict "name" "test" "uri" $uri "roles" (list "viewer")) -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.serviceMonitor.clientSecretName) -}}
{{- $uri := include "nvmed.ownUri" (dict "root" . "name" "metrics") -}}
{{- $clients = append $clients (dict "name" "metrics" "uri" $uri "roles" (list "metrics")) -}}
{{- end -}}
{{- end -}}
{{ dict "clients" $clients | toJson }}
{{- end }}

{{/* What does not go together, said before anything is installed. */}}
{{- define "nvmed.check" -}}
{{- if and .Values.fabrics.enabled (not .Values.hostNetwork) -}}
{{- fail "fabrics.enabled needs hostNetwork: connections belong to the network namespace of who made them, and would end with the pod" -}}
{{- end -}}
{{- if and .Values.fabrics.enabled (ne .Values.devices.access "privileged") -}}
{{- fail "fabrics.enabled needs devices.access=privileged: /dev/nvme-fabrics and the keyring are out of reach otherwise" -}}
{{- end -}}
{{- if and (eq .Values.devices.access "plugin") (not .Values.devices.resources) -}}
{{- fail "devices.access=plugin needs devices.resources: the resource that the device plugin gives drives by" -}}
{{- end -}}
{{- if and .Values.hostNetwork .Values.hostPort -}}
{{- fail "hostPort is for pods without hostNetwork: with it listen.port is the node's already" -}}
{{- end -}}
{{- if not (or .Values.tls.secretName .Values.tls.certManager.enabled) -}}
{{- fail "give tls.secretName, or set tls.certManager.enabled: the daemon serves no port without certificates" -}}
{{- end -}}
{{- if and .Values.clients (not .Values.tls.certManager.enabled) -}}
{{- fail "clients get certificates from cert-manager: set tls.certManager.enabled, or give policy.bindings instead" -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not (or .Values.metrics.serviceMonitor.clientSecretName .Values.tls.certManager.enabled)) -}}
{{- fail "give metrics.serviceMonitor.clientSecretName: without cert-manager nobody makes Prometheus a certificate" -}}
{{- end -}}
{{- end }}
