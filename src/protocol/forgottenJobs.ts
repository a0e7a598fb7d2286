/** What was removed of jobs that were forgotten, or would be; each is a count. */
export interface RemovedParts {
  /** Records of jobs. */
  readonly records: number
  /** States and emissions in their event logs. */
  readonly events: number
  /** Jobs with submission metadata: owner, tags. */
  readonly metadata: number
  /** Jobs whose input was kept. */
  readonly inputs: number
  /** Large inputs and results in the payload store, where the app has one. */
  readonly payloads: number
  /** Answers that they waited for (`ctx.waitFor`), and their tokens. */
  readonly waits: number
  /** Records of the deliveries of their webhooks. */
  readonly deliveries: number
  /**
   * Dead letters. With `rpc://` they are in queues, which are not searched in a dry run, or where the store finds no
   * messages.
   */
  readonly deadLetters: number | 'not searched'
}

/** A report of jobs that were forgotten, or would be. */
export interface ForgottenJobs {
  /** Ids of the jobs of which something was removed. */
  readonly ids: readonly string[]
  /**
   * Ids of jobs that fit and were not forgotten: they have not ended, or the delivery of their webhook has not. Their
   * end would bring their records back.
   */
  readonly active: readonly string[]
  readonly removed: RemovedParts
  /** Pass it on to go on; absent where no more jobs fit. */
  readonly cursor?: string | undefined
}
