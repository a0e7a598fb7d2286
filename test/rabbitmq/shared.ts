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
