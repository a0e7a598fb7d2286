import { inject } from 'vitest'
import { ask } from '../desk.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where `keeper.ts` hands out virtual hosts. */
    rabbitmq: string
  }
}

/**
 * The URL of a virtual host that nobody has used, on the one server of the test run: whoever asks first starts it, in some four seconds. A test
 * that stops or spoils its server, or gives it options, starts its own (`RabbitServer`).
 */
export function emptyRabbit(): Promise<string> {
  return ask(inject('rabbitmq'))
}

/** A virtual host of that server, for tests that also need the server's port or rabbitmqctl. */
export class RabbitHost {
  readonly #url: string

  /** One that nobody has used. */
  static async open(): Promise<RabbitHost> {
    return new RabbitHost(await emptyRabbit())
  }

  private constructor(url: string) {
    this.#url = url
  }

  url(): string {
    return this.#url
  }

  get port(): number {
    return Number(new URL(this.#url).port)
  }

  /** What rabbitmqctl prints for this virtual host. Takes about a second. */
  ctl(command: string, ...args: readonly string[]): Promise<string> {
    const vhost = decodeURIComponent(new URL(this.#url).pathname.slice(1))
    return rabbitCtl('-p', vhost, command, ...args)
  }

  /** The server goes on: others use it. */
  readonly stop = goesOn
}

/** What rabbitmqctl prints for that server. Takes about a second. */
export function rabbitCtl(...args: readonly string[]): Promise<string> {
  return ask(inject('rabbitmq'), { ctl: JSON.stringify(args) })
}

async function goesOn(): Promise<void> {
  // Its end is that of the test run.
}

/** That server in the place of one of a test's own. It goes on when it is stopped: others use it. */
export const sharedRabbit = {
  empty: emptyRabbit,
  ctl: rabbitCtl,
  resume: goesOn,
  stop: goesOn,
  restart: (): Promise<void> => Promise.reject(new Error('expected a server of its own, got one that others use')),
}
