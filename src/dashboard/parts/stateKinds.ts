const KINDS: Readonly<Record<string, string>> = {
  PENDING: 'waiting',
  RECEIVED: 'waiting',
  SENT: 'waiting',
  STARTED: 'running',
  RETRY: 'again',
  SUCCESS: 'good',
  FAILURE: 'bad',
  REVOKED: 'stopped',
  REJECTED: 'stopped',
}

/** The word for its color and its mark. */
export function kindOf(state: string): string {
  return KINDS[state] ?? 'running'
}

/** True for a state that does not change any more. */
export function isEnded(state: string): boolean {
  return state === 'SUCCESS' || state === 'FAILURE' || state === 'REVOKED' || state === 'REJECTED'
}
