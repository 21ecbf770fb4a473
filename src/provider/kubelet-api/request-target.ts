import { KubeletApiError } from './kubelet-api-error.ts';

/** A request's path and query, decoded once and the same for permission and for routing. */
export interface RequestTarget {
  /** Decoded path. */
  path: string;
  /** The path's segments, each decoded by itself: one may contain a slash. */
  segments: string[];
  query: URLSearchParams;
}

/** @throws KubeletApiError `PARAMETER_INVALID` for an escape that is none. */
export function parseTarget(url: string): RequestTarget {
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  try {
    const segments = rawPath.split('/').slice(1).map(decodeURIComponent);
    const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
    return { path: decodeURIComponent(rawPath), segments, query };
  } catch (cause) {
    throw new KubeletApiError('PARAMETER_INVALID', 'the path is badly escaped', { cause });
  }
}
