import type { JobInfo } from '../calls/jobInfo.ts'
import { printable } from './fleet/printable.ts'
import type { AppOptions } from './loadApp.ts'

/** Which jobs a command is about. */
export interface JobFilterOptions extends AppOptions {
  state?: string
  task?: string
  owner?: string
  tag?: string
  search?: string
  limit?: number
  cursor?: string
  json?: boolean
}

/** A job in at most 79 columns, where its id is one of ours: id, state, when it was submitted, and its task. */
export function jobLine({ id, state, submittedAt, task = '?' }: JobInfo): string {
  const submitted = submittedAt?.toISOString().slice(5, 16).replace('T', ' ') ?? '?'
  return `${printable(id).padEnd(36)} ${clipped(printable(state), 8).padEnd(8)} ${submitted.padEnd(11)} ${clipped(printable(task), 20)}`
}

/** At most so many columns. */
export function clipped(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}~` : text
}
