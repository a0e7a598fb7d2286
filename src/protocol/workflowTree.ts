/** The tasks of a workflow, and what follows from what: plain data, and a document of the HTTP API. */
export interface WorkflowTree {
  /** Id of its result: of a task, or of a group. */
  readonly id: string
  /** Id of the task from which all others follow: `rootId` of each of them. */
  readonly rootId: string
  /**
   * Of its result. Of a group: FAILURE when a task in it has failed, else REVOKED when one was revoked; SUCCESS when
   * all have succeeded, STARTED when one has begun, else PENDING.
   */
  readonly state: string
  /** How many tasks are known, sent or not. */
  readonly total: number
  /** How many of the nodes have ended. */
  readonly done: number
  /** True: it has more tasks than `nodes` shows. */
  readonly truncated: boolean
  readonly nodes: readonly WorkflowNode[]
  readonly edges: readonly WorkflowEdge[]
}

/** A task of a workflow, or a group of tasks. */
export interface WorkflowNode {
  readonly id: string
  readonly kind: 'task' | 'group'
  /** Name of the task; null for a group, and where it is not known. */
  readonly task: string | null
  /** Celery's state. PENDING also for a task that is not sent yet, or of which no record is there. */
  readonly state: string
  /** The group that it is in, which may be the header of a chord; null for none. */
  readonly group: string | null
  /** ISO 8601, or null where it has not happened. */
  readonly createdAt: string | null
  readonly startedAt: string | null
  readonly finishedAt: string | null
  /** After FAILURE and REVOKED, and while RETRY waits. */
  readonly error?: { readonly type: string; readonly message: string }
}

/** What follows from what, by the ids of nodes. */
export interface WorkflowEdge {
  readonly from: string
  readonly to: string
  /**
   * `next`: the next step of a chain; `body`: from the header of a chord, a group, to its body; `child`: sent by the
   * task, as a callback, an errback, or by its code.
   */
  readonly kind: 'next' | 'body' | 'child'
}
