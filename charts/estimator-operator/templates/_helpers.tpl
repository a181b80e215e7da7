{{/* Name of all objects: the release's name, with the chart's where it does not hold it. */}}
{{- define "estimator-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* What tells this release's metrics from another's: the label release of everything its ServiceMonitor scrapes. */}}
{{- define "estimator-operator.release" -}}
{{- printf "%s/%s" .Release.Namespace .Release.Name -}}
{{- end }}

{{/* What selects the operator's pods; never changes between versions. */}}
{{- define "estimator-operator.selector" -}}
app.kubernetes.io/name: estimator-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* Labels of every object but the pods' selector. */}}
{{- define "estimator-operator.labels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: estimator-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "estimator-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "estimator-operator.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* An image: (list $ .Values.image). */}}
{{- define "estimator-operator.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default $root.Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{/* The rules of the operator in the namespaces of the jobs; each verb is one that its code uses. */}}
{{- define "estimator-operator.rules" -}}
- apiGroups: [estimator.dev]
  resources: [estimatorjobs]
  verbs: [get, list, watch, delete]
- apiGroups: [estimator.dev]
  resources: [estimatorjobs/status]
  verbs: [patch]
# Clusters that enforce owner references ask for this before an object may block its owner's deletion.
- apiGroups: [estimator.dev]
  resources: [estimatorjobs/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, delete]
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [get, list, watch, create]
# Variables that are too large for an environment go by file.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, delete]
# Why a pod waits (a missing ConfigMap, say) is in its events only.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* Whether the node of a pod that does not end is known to be gone; nodes are in no namespace. */}}
{{- define "estimator-operator.nodeRules" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get]
{{- end }}

{{/* Where the job of `helm test` runs: the release's namespace if it is served, else the first one that is. */}}
{{- define "estimator-operator.testNamespace" -}}
{{- if or (not .Values.watchNamespaces) (has .Release.Namespace .Values.watchNamespaces) -}}
{{- .Release.Namespace -}}
{{- else -}}
{{- first .Values.watchNamespaces -}}
{{- end -}}
{{- end }}

{{/* A file of the chart, indented, without spaces on blank lines: (list $ 4 "files/x"). */}}
{{- define "estimator-operator.file" -}}
{{- $root := index . 0 -}}
{{- regexReplaceAll "(?m)^ +$" ($root.Files.Get (index . 2) | trim | nindent (index . 1)) "" -}}
{{- end }}
