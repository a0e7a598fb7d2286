import type { IncomingMessage } from 'node:http'

/** Set a header of a request, or remove it, in both of the forms that Node keeps. `name` is in lower case. */
export function setRawHeader(request: IncomingMessage, name: string, value: string | undefined): void {
  const raw = request.rawHeaders
  for (let index = raw.length - 2; index >= 0; index -= 2) {
    if (raw[index]?.toLowerCase() === name) raw.splice(index, 2)
  }
  delete request.headers[name]
  if (value === undefined) return
  raw.push(name, value)
  request.headers[name] = value
}
