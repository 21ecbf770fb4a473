/**
 * The Kubernetes objects that travel to a site, as they are in JSON.
 * Only fields that Towline reads are typed; everything else is carried along untouched.
 * Times are RFC 3339 strings, quantities are strings as in the API.
 * Source: Kubernetes API reference, core/v1.
 */
export type * from './api/cluster-objects.ts';
export type * from './api/container.ts';
export type * from './api/meta.ts';
export type * from './api/node.ts';
export type * from './api/persistent-volume.ts';
export type * from './api/pod.ts';
export type * from './api/pod-status.ts';
export type * from './api/security-context.ts';
export type * from './api/volume.ts';
