/** Who asks, what it may do here, and what the server is. */
export interface MeDocument {
  /** Of the identity; absent where the API is open. */
  readonly id?: string
  /** Null: it has none, and sees its own jobs. Where the API is open each client is an admin. */
  readonly role: 'viewer' | 'operator' | 'admin' | null
  /** There is no `authorize`. */
  readonly open: boolean
  readonly readOnly: boolean
  /** Of the app. */
  readonly name: string
  /** Of celeriac. */
  readonly version: string
  /** URLs without passwords. */
  readonly broker: string
  readonly backend: string
  /**
   * `recording`: a process records the fleet now. `stopped`: none does, and what is shown is old. `unavailable`: the
   * file cannot be read. `off`: the app has no recorder.
   */
  readonly recorder: 'recording' | 'stopped' | 'unavailable' | 'off'
  readonly can: AbilitiesDocument
}

/** What the sender may do, by its role, by `readOnly`, and by what the stores can do. */
export interface AbilitiesDocument {
  /** See the fleet: jobs of all owners, queues, workers, schedules, dead letters. */
  readonly see: boolean
  /** See what is recorded: jobs by filters, their histories, statistics, failures, workflows, what changes. */
  readonly record: boolean
  /** List the jobs that the result backend keeps. */
  readonly list: boolean
  /** Pause and resume queues, tasks and workflows. */
  readonly pause: boolean
  /** See the messages that wait in a queue; with their headers and arguments. */
  readonly peek: boolean
  readonly content: boolean
  /** Drop the messages of a queue. */
  readonly purge: boolean
  /** Submit jobs again; with another input. */
  readonly retry: boolean
  readonly retryEdited: boolean
  /** Revoke jobs, and stop those that run. */
  readonly revoke: boolean
  /** Change when a waiting job runs; and its input, queue or priority. */
  readonly reschedule: boolean
  readonly change: boolean
  /** Remove what is kept of jobs of all owners. */
  readonly forget: boolean
  /** See dead letters, send them again, and drop or edit them. */
  readonly dead: boolean
  readonly redrive: boolean
  readonly editDead: boolean
  /** See the entries of the schedule; pause, resume and run them; add, change and remove them. */
  readonly schedules: boolean
  readonly runSchedule: boolean
  readonly schedule: boolean
  /** Command workers, and see stacks and profiles; shut workers down. */
  readonly control: boolean
  readonly shutdown: boolean
  /** Call exposed tasks; call any task by its name. */
  readonly call: boolean
  readonly callAny: boolean
  readonly audit: boolean
}
