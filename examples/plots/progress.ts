import { type JobInfo, states } from 'celeriac'

/** How a job stands, as `/progress` tells it; nothing of a job that nobody knows. */
export interface Progress {
  /** Celery's. */
  readonly state?: string
  /** From 0 to 1. */
  readonly progress?: number
}

export function progressOf(info: JobInfo | undefined): Progress {
  if (!info) return {}
  return { state: info.state, progress: shareOf(info) }
}

/** What a task reports may come from a worker of another program: looked at before it is believed. */
function shareOf({ state, progress }: JobInfo): number {
  if (state === states.SUCCESS) return 1
  const current = (progress as { current?: unknown } | null | undefined)?.current
  return typeof current === 'number' ? Math.min(Math.max(current, 0), 1) : 0
}
