import { Files } from './files.ts'

/** One line of what has been done for whom. */
export interface Entry {
  /** Id of the task. */
  readonly id: string
  readonly task: string
  readonly state: string
  /** The user in whose request it was called, and that request. */
  readonly user: string | undefined
  readonly request: string
}

export const journal = new Files<Entry>('journal')
