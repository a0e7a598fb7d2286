import { pieces } from '../../../std/chunks.ts'
import type { Session } from './session.ts'
import { type Patience, Supervisor } from './supervisor.ts'
import type { RedisAddress } from './url.ts'

type Listener = (message: Buffer, channel: string) => void
type Kind = 'subscribe' | 'psubscribe'
type Verb = Kind | 'unsubscribe' | 'punsubscribe'

/** Channels of one command. */
const MAX_CHANNELS = 1000

/** Channels and patterns with listeners, on one connection of their own; kept over reconnects. */
export class Subscriptions {
  readonly #listeners: Readonly<Record<Kind, Map<string, Set<Listener>>>> = {
    subscribe: new Map(),
    psubscribe: new Map(),
  }
  readonly #supervisor: Supervisor
  /** The command that is made of all that this turn asks for. */
  #gathered: { readonly verb: Verb; readonly names: string[]; readonly sent: Promise<unknown> } | undefined

  /** `reopened` is called after each reconnection, when all channels are subscribed again. */
  constructor(address: RedisAddress, name: string | undefined, patience: Patience, reopened: () => void) {
    this.#supervisor = new Supervisor(address, name, patience, {
      opened: async (session, again) => {
        await this.#resubscribe(session)
        if (again) reopened()
      },
      message: (channel, message, pattern) => this.#hear(channel, message, pattern),
    })
  }

  get problem(): Error | undefined {
    return this.#supervisor.problem
  }

  /**
   * Resolves when the server has subscribed; the returned function ends some of them, and resolves when the server has
   * unsubscribed.
   */
  async add(
    kind: Kind,
    names: readonly string[],
    listener: Listener,
  ): Promise<(names: readonly string[]) => Promise<void>> {
    const channels = this.#listeners[kind]
    for (const name of names) {
      const listeners = channels.get(name)
      if (listeners) listeners.add(listener)
      else channels.set(name, new Set([listener]))
    }
    try {
      // Also if a channel has a listener already: its command may be on the way still, and answers come in order.
      await this.#send(kind, names)
    } catch (error) {
      await this.#remove(kind, names, listener)
      throw error
    }
    return (ended) => this.#remove(kind, ended, listener)
  }

  close(): void {
    this.#supervisor.close()
  }

  async #remove(kind: Kind, names: readonly string[], listener: Listener): Promise<void> {
    const channels = this.#listeners[kind]
    const unheard = names.filter((name) => {
      const listeners = channels.get(name)
      return listeners?.delete(listener) && listeners.size === 0 && channels.delete(name)
    })
    if (unheard.length === 0 || this.#supervisor.problem) return
    await this.#send(kind === 'subscribe' ? 'unsubscribe' : 'punsubscribe', unheard)
  }

  /** One command for those of one turn that follow each other: many calls may each wait for their own result. */
  async #send(verb: Verb, names: readonly string[]): Promise<void> {
    await Promise.all(pieces(names, MAX_CHANNELS).map((some) => this.#gather(verb, some)))
  }

  #gather(verb: Verb, names: readonly string[]): Promise<unknown> {
    const gathered = this.#gathered
    if (gathered?.verb === verb && gathered.names.length + names.length <= MAX_CHANNELS) {
      gathered.names.push(...names)
      return gathered.sent
    }
    const all = [...names]
    const sent = Promise.resolve().then(() => {
      if (this.#gathered?.names === all) this.#gathered = undefined
      return this.#supervisor.send(verb, all, 'utf8')
    })
    this.#gathered = { verb, names: all, sent }
    return sent
  }

  async #resubscribe(session: Session): Promise<void> {
    const commands = (['subscribe', 'psubscribe'] as const).flatMap((kind) => {
      const names = [...this.#listeners[kind].keys()]
      return names.length > 0 ? [session.send(kind, names, 'utf8')] : []
    })
    await Promise.all(commands)
  }

  #hear(channel: Buffer, message: Buffer, pattern: Buffer | undefined): void {
    const name = channel.toString()
    const listeners = pattern ? this.#listeners.psubscribe.get(pattern.toString()) : this.#listeners.subscribe.get(name)
    for (const listener of [...(listeners ?? [])]) listener(message, name)
  }
}
