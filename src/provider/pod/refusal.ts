/** Why a pod that is bound to a site's node doesn't get there: it has failed. */
export interface Refusal {
  /** `status.reason`, and that of the event. */
  reason: string;
  /** `status.message`. */
  message: string;
  /** What the event says. */
  event: string;
}
