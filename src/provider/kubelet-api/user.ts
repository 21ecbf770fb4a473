/** Who asks, as authentication found out. */
export interface User {
  name: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

/** Every user that is authenticated belongs to it. */
const authenticatedGroup = 'system:authenticated';

/** The user with the group of all authenticated users, as kube-apiserver and kubelet add it. */
export function authenticated(user: User): User {
  if (user.groups.includes(authenticatedGroup)) return user;
  return { ...user, groups: [...user.groups, authenticatedGroup] };
}
