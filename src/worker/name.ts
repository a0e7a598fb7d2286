import { hostname } from 'node:os'

/** Default name of a worker; `number` distinguishes several of one machine. */
export function defaultName(number = 1): string {
  return `celeriac${number === 1 ? '' : `-${number}`}@${hostname()}`
}
