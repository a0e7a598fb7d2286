import type { OpenChord } from '../../backend/chords.ts'
import { lastDue, MAX_ATOMIC_SUBMISSIONS, messagesOf, needsOf, type Submission } from '../../backend/unitOfWork.ts'
import { packedBytes } from '../../protocol/packedMessage.ts'
import { pieces } from '../../std/chunks.ts'
import { QueueFullError } from '../../std/errors.ts'
import type { Database } from './connection/database.ts'
import { Gather } from './connection/gather.ts'
import { Plan } from './connection/plan.ts'
import { isRefusal } from './gate.ts'
import { QueueRoom } from './queueRoom.ts'
import type { PostgresBackend } from './results/backend.ts'
import type { Submissions } from './submissions.ts'

/** How often a transaction is put together again. */
const MAX_REFUSALS = 5

/** Submissions that belong together. */
type List = readonly Submission[]
type Sent = boolean[] | QueueFullError

/**
 * Submissions to queues that are bounded. What comes while the server writes is one transaction: the room is
 * counted once for all of it.
 */
export class BoundedSubmissions {
  readonly #database: Database
  readonly #submissions: Submissions
  readonly #backend: PostgresBackend
  readonly #room = new QueueRoom()
  readonly #gather = new Gather((lists: readonly List[], since) => this.#submitLists(lists, since), {
    most: MAX_ATOMIC_SUBMISSIONS,
    size: (list) => list.length,
  })

  constructor(database: Database, submissions: Submissions, backend: PostgresBackend) {
    this.#database = database
    this.#submissions = submissions
    this.#backend = backend
  }

  /** All of them, or none. Rejects with QueueFullError. */
  async submit(submissions: List): Promise<boolean[]> {
    const sent = await this.#gather.add(submissions)
    if (sent instanceof QueueFullError) throw sent
    return sent
  }

  /** Members of groups with the chords whose headers they are, in a transaction of their own. */
  async submitGroup(submissions: List, opens: readonly OpenChord[]): Promise<void> {
    const [sent] = await this.#submitLists([submissions], performance.now(), opens)
    if (sent instanceof QueueFullError) throw sent
  }

  /** A list that finds no room does not keep the others from being sent. */
  async #submitLists(lists: readonly List[], since: number, opens: readonly OpenChord[] = []): Promise<Sent[]> {
    const answers = new Map<List, Sent>()
    for (let refusals = 0; answers.size < lists.length; ) {
      const open = lists.filter((list) => !answers.has(list))
      try {
        const sent = await this.#write(open, since, opens)
        for (const list of open) answers.set(list, sent.splice(0, list.length))
      } catch (error) {
        const isKnown = error instanceof QueueFullError
        if (!isKnown && (!isRefusal(error) || refusals++ === MAX_REFUSALS)) throw error
        const refused = isKnown ? this.#room.refusedAsKnown(open) : await this.#room.refused(this.#database, open)
        for (const [list, full] of refused) answers.set(list, full)
      }
    }
    return lists.map((list) => answers.get(list) ?? [])
  }

  async #write(lists: readonly List[], since: number, opens: readonly OpenChord[]): Promise<boolean[]> {
    const submissions = lists.flat()
    const plan = new Plan()
    const note = this.#room.require(plan, needsOf(submissions, packedBytes))
    // In the order of a lock that all transactions take: chords, then records.
    if (opens.length > 0) this.#backend.chords.rows.addOpens(plan, opens, lastDue(messagesOf(submissions)))
    const reads = pieces(submissions, MAX_ATOMIC_SUBMISSIONS).map((some) => this.#submissions.add(plan, some))
    await plan.run(this.#database, { since })
    note()
    return reads.flatMap((read) => read())
  }
}
