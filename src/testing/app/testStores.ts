import type { ResultBackend } from '../../backend/backend.ts'
import type { KeptRows } from '../../backend/bounds/keeping.ts'
import type { ChordKeeping } from '../../backend/chords.ts'
import type { DeadLetterStore } from '../../backend/dead/deadLetters.ts'
import type { EventLog } from '../../backend/eventLog.ts'
import type { JobIndex } from '../../backend/jobIndex.ts'
import type { NoteStore } from '../../backend/notes.ts'
import type { RecordChange } from '../../backend/recordChange.ts'
import type { RevokedIds } from '../../backend/revokedIds.ts'
import type { Reply, SubmissionMetadata, UnitOfWork } from '../../backend/unitOfWork.ts'
import type { Backlog } from '../../broker/backlog.ts'
import type {
  Broker,
  ConsumeOptions,
  Consumer,
  Delivery,
  FoundMessage,
  MessageBytes,
  MessageChange,
  PublishOptions,
  Purged,
  Queue,
  Route,
} from '../../broker/broker.ts'
import { EventFeed, type Step } from '../../calls/eventFeed.ts'
import type { Stores } from '../../calls/stores.ts'
import type { Config } from '../../config/config.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import type { TaskMeta } from '../../protocol/result.ts'
import { MemoryBackend } from '../../stores/memory/backend.ts'
import { MemoryBroker } from '../../stores/memory/broker.ts'
import { MemoryChords } from '../../stores/memory/chords.ts'
import { MemoryScheduleStore } from '../../stores/memory/schedule.ts'
import { SequentialUnitOfWork } from '../../stores/sequentialUnitOfWork.ts'
import type { Gate } from './gate.ts'
import type { SentCalls } from './sentCalls.ts'
import { TestChords } from './testChords.ts'
import { processHere } from './testProcess.ts'

/** Stores in memory that every call reaches through the gate, and that note what is sent. */
export function testStores(config: Config, gate: Gate, sent: SentCalls): Stores {
  const { clock } = gate
  const { resultExpires: expires, resultSerializer: serializer } = config
  const memory = new MemoryBackend({ ...config, expires, serializer, clock })
  const messages = new MemoryBroker(clock, config.lease)
  const broker = new TestBroker(messages, gate, sent)
  const backend = new TestBackend(memory, gate, sent, { expires, serializer, clock })
  const schedule = gate.guard(new MemoryScheduleStore())
  return {
    broker,
    backend,
    unitOfWork: unitOfWorkOf(broker, backend, gate),
    schedule: async () => schedule,
    facts: async () => [],
    feed: new TestFeed(memory, gate),
    close: async () => {
      await memory.close()
      await messages.close()
    },
  }
}

/** A group is sent by one write: if its sender dies, or the stores become unavailable, all of its members or none. */
function unitOfWorkOf(broker: TestBroker, backend: TestBackend, gate: Gate): UnitOfWork {
  const unitOfWork = new SequentialUnitOfWork(broker, backend, { clock: gate.clock })
  const { submitGroup } = unitOfWork
  const inOneWrite: UnitOfWork['submitGroup'] = submitGroup && ((...given) => gate.passAll(() => submitGroup(...given)))
  return Object.assign(unitOfWork, { submitGroup: inOneWrite })
}

class TestBroker implements Broker {
  readonly url = 'memory:'
  readonly first = 'highest'
  readonly #broker: MemoryBroker
  readonly #gate: Gate
  readonly #sent: SentCalls

  constructor(broker: MemoryBroker, gate: Gate, sent: SentCalls) {
    this.#broker = broker
    this.#gate = gate
    this.#sent = sent
  }

  publish(envelope: Envelope, route: Route, options?: PublishOptions): Promise<void> {
    return this.#gate.pass(() => {
      this.#sent.published(envelope, route)
      return this.#broker.publish(envelope, route, options)
    })
  }

  consume(queues: readonly Queue[], options: ConsumeOptions): Promise<Consumer> {
    return this.#gate.pass(async () => {
      const consumer = await this.#broker.consume(queues, options)
      processHere()?.onDeath(() => this.#broker.abandon(consumer))
      return new TestConsumer(consumer, this.#gate, options.prefetch)
    })
  }

  take(taskId: string): Promise<Delivery | undefined> {
    return this.#gate.pass(async () => {
      const delivery = await this.#broker.take(taskId)
      return delivery && new TestDelivery(delivery, this.#gate)
    })
  }

  oldest(queue: string, count: number): Promise<readonly string[]> {
    return this.#gate.pass(() => this.#broker.oldest(queue, count))
  }

  peek(queue: string, count: number): Promise<readonly Envelope[]> {
    return this.#gate.pass(() => this.#broker.peek(queue, count))
  }

  find(taskId: string, queue: string): Promise<FoundMessage | undefined> {
    return this.#gate.pass(() => this.#broker.find(taskId, queue))
  }

  change(taskId: string, queue: string, change: MessageChange): Promise<boolean> {
    return this.#gate.pass(() => this.#broker.change(taskId, queue, change))
  }

  size(queue: string): Promise<number> {
    return this.#gate.pass(() => this.#broker.size(queue))
  }

  get bytes(): MessageBytes {
    const { of, waiting } = this.#broker.bytes
    return { of, waiting: (queue) => this.#gate.pass(() => waiting(queue)) }
  }

  backlog(queues: readonly string[]): Promise<Backlog> {
    return this.#gate.pass(() => this.#broker.backlog(queues))
  }

  workers(queue: string): Promise<number> {
    return this.#gate.pass(() => this.#broker.workers(queue))
  }

  purge(queue: string): Promise<Purged> {
    return this.#gate.pass(() => this.#broker.purge(queue))
  }

  close(): Promise<void> {
    return this.#broker.close()
  }
}

/** Takes nothing while the stores are unavailable. */
class TestConsumer implements Consumer {
  readonly #consumer: Consumer
  readonly #gate: Gate
  readonly #unsubscribe: () => void
  #prefetch: number

  constructor(consumer: Consumer, gate: Gate, prefetch: number) {
    this.#consumer = consumer
    this.#gate = gate
    this.#prefetch = prefetch
    this.#unsubscribe = gate.onChange(() => this.#look())
    this.#look()
  }

  get problem(): Error | undefined {
    return this.#gate.problem
  }

  prefetch(count: number): void {
    this.#prefetch = count
    this.#look()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Delivery, void, void> {
    for await (const delivery of this.#consumer) {
      this.#gate.step()
      yield new TestDelivery(delivery, this.#gate)
    }
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    await this.#consumer.close()
  }

  async release(): Promise<void> {
    this.#unsubscribe()
    await this.#consumer.release()
  }

  #look(): void {
    this.#consumer.prefetch(this.problem ? 0 : this.#prefetch)
  }
}

class TestDelivery implements Delivery {
  readonly envelope: Envelope
  readonly queue: string
  readonly redelivered: boolean
  readonly lost: number
  readonly #delivery: Delivery
  readonly #gate: Gate

  constructor(delivery: Delivery, gate: Gate) {
    this.envelope = delivery.envelope
    this.queue = delivery.queue
    this.redelivered = delivery.redelivered
    this.lost = delivery.lost
    this.#delivery = delivery
    this.#gate = gate
  }

  ack(): Promise<boolean> {
    return this.#gate.pass(() => this.#delivery.ack())
  }

  reject(options: { requeue: boolean }): Promise<boolean> {
    return this.#gate.pass(() => this.#delivery.reject(options))
  }
}

class TestBackend implements ResultBackend {
  readonly url = 'memory:'
  readonly knowsAll = true
  readonly events: EventLog
  readonly jobs: JobIndex
  readonly notes: NoteStore
  readonly revoked: RevokedIds
  readonly chords: TestChords
  readonly #backend: MemoryBackend
  readonly #gate: Gate
  readonly #sent: SentCalls

  constructor(backend: MemoryBackend, gate: Gate, sent: SentCalls, keeping: ChordKeeping) {
    this.#backend = backend
    this.#gate = gate
    this.#sent = sent
    this.events = gate.guard(backend.events)
    this.jobs = gate.guard(backend.jobs)
    this.notes = gate.guard(backend.notes)
    this.revoked = gate.guard(backend.revoked)
    this.chords = new TestChords(new MemoryChords(keeping, (meta) => this.#store(meta)), gate)
  }

  deadLetters(): Promise<DeadLetterStore> {
    return this.#gate.pass(async () => this.#gate.guard(await this.#backend.deadLetters()))
  }

  store(meta: TaskMeta, reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean> {
    return this.#gate.pass(() => this.#store(meta, reply, metadata))
  }

  load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    return this.#gate.pass(() => this.#backend.load(ids))
  }

  change(id: string, change: RecordChange): Promise<boolean> {
    return this.#gate.pass(() => this.#backend.change(id, change))
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return this.#gate.read(this.#backend.watch(ids, signal))
  }

  async rows(): Promise<KeptRows> {
    return this.#gate.guard(await this.#backend.rows())
  }

  forget(ids: readonly string[]): Promise<void> {
    return this.#gate.pass(() => this.#backend.forget(ids))
  }

  close(): Promise<void> {
    return this.#backend.close()
  }

  async #store(meta: TaskMeta, reply?: Reply, metadata?: SubmissionMetadata): Promise<boolean> {
    const stored = await this.#backend.store(meta, reply, metadata)
    if (stored) this.#sent.stored(meta)
    return stored
  }
}

/** Its subscribers share one watch: that is of no process, and each subscriber is of its own. */
class TestFeed extends EventFeed {
  readonly #gate: Gate

  constructor(backend: ResultBackend, gate: Gate) {
    super(backend)
    this.#gate = gate
  }

  override follow(id: string, after: number, signal: AbortSignal): AsyncGenerator<Step, void, void> {
    return this.#gate.read(super.follow(id, after, signal))
  }
}
