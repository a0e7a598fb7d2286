/** Celery's states, and which of them are final. Source: celery/states.py. */

export const PENDING = 'PENDING'
export const RECEIVED = 'RECEIVED'
export const STARTED = 'STARTED'
export const PROGRESS = 'PROGRESS'
export const RETRY = 'RETRY'
/** Ours: it waits for an answer from outside. To Celery a custom state. */
export const WAITING = 'WAITING'
/** Ours: it has asked to run again later. To Celery a custom state. */
export const SNOOZED = 'SNOOZED'
export const SUCCESS = 'SUCCESS'
export const FAILURE = 'FAILURE'
export const REVOKED = 'REVOKED'
/** Ours alone, and never stored: no record of such an id. Celery says PENDING there. */
export const UNKNOWN = 'UNKNOWN'

export type FinalState = typeof SUCCESS | typeof FAILURE | typeof REVOKED

/** True for a state that a task does not leave by itself: SUCCESS, FAILURE, REVOKED. */
export function isFinal(state: string): state is FinalState {
  return state === SUCCESS || state === FAILURE || state === REVOKED
}
