import type { Channel, ChannelModel } from 'amqplib'

/** A probe is sent this often, and its answer must come within `limit`, ms. */
export interface ProbePace {
  readonly every: number
  readonly limit: number
}

const DEFAULT_PACE: ProbePace = { every: 5000, limit: 3000 }

/**
 * Probes a connection: one that is open but carries nothing (a cable pulled, a firewall that dropped its state) is
 * noticed in seconds. Heartbeats do that too, but their interval also defines when the server closes the connection,
 * and that must be slow.
 */
export class LivenessProbe {
  readonly #model: ChannelModel
  readonly #excused: () => boolean
  readonly #dead: () => void
  readonly #limit: number
  readonly #timer: NodeJS.Timeout
  #channel: Promise<Channel> | undefined
  #asking = false
  #stopped = false

  /** `excused`: a blocked connection answers nothing, and is not dead. */
  constructor(
    model: ChannelModel,
    excused: () => boolean,
    dead: () => void,
    { every, limit }: ProbePace = DEFAULT_PACE,
  ) {
    this.#model = model
    this.#excused = excused
    this.#dead = dead
    this.#limit = limit
    this.#timer = setInterval(() => this.#ask(), every)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }

  #ask(): void {
    if (this.#asking || this.#excused()) return
    this.#asking = true
    const limit = setTimeout(() => {
      // If the event loop was blocked, the answer may have arrived and not been read yet.
      setTimeout(() => {
        if (this.#asking && !this.#stopped && !this.#excused()) this.#dead()
      }, 100)
    }, this.#limit)
    limit.unref()
    this.#channel ??= this.#open()
    this.#channel
      .then((channel) => channel.prefetch(1))
      .then(
        () => {
          this.#asking = false
          clearTimeout(limit)
        },
        // The connection has ended, which is reported elsewhere.
        () => clearTimeout(limit),
      )
  }

  async #open(): Promise<Channel> {
    const channel = await this.#model.createChannel()
    channel.on('error', () => undefined)
    return channel
  }
}
