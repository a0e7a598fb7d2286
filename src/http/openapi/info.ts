import { ArgumentError } from '../../std/errors.ts'
import { refuseUnknown } from '../../std/validate.ts'

/** What the OpenAPI document says of the API as a whole. */
export interface ApiInfo {
  /** Default: the name of the app. */
  title?: string | undefined
  /** Version of the API, which is the application's to count. Default `'1'`. */
  version?: string | undefined
  /** Text in Markdown, instead of the usual words. */
  description?: string | undefined
  /**
   * Under which conditions the API may be used: a name, and the SPDX identifier or a URL. Default: a name that says
   * that none is stated.
   */
  license?: { name: string; identifier?: string | undefined; url?: string | undefined } | undefined
  /** Whom users of the API may ask. */
  contact?: { name?: string | undefined; url?: string | undefined; email?: string | undefined } | undefined
  /** A URL. */
  termsOfService?: string | undefined
}

/** The members of `info` with their kinds. */
const INFO_MEMBERS: Readonly<Record<string, readonly string[] | 'text'>> = {
  title: 'text',
  version: 'text',
  description: 'text',
  license: ['name', 'identifier', 'url'],
  contact: ['name', 'url', 'email'],
  termsOfService: 'text',
}

/** Throws ArgumentError for what OpenAPI does not allow there. */
export function parseInfo(info: ApiInfo | undefined): ApiInfo {
  if (info === undefined) return {}
  if (typeof info !== 'object' || info === null) throw wrong('', 'an object', info)
  refuseUnknown(info, new Set(Object.keys(INFO_MEMBERS)), 'http: info')
  for (const [name, value] of Object.entries(info)) {
    const members = INFO_MEMBERS[name] as readonly string[] | 'text'
    if (value === undefined) continue
    if (members === 'text') requireText(value, `.${name}`)
    else requireMembers(value, name, members)
  }
  const { license } = info
  if (license) {
    requireText(license.name, '.license.name')
    if (license.identifier !== undefined && license.url !== undefined)
      throw new ArgumentError('http: info.license: expected an identifier or a url, got both')
  }
  return info
}

function requireMembers(value: unknown, name: string, members: readonly string[]): void {
  if (typeof value !== 'object' || value === null)
    throw wrong(`.${name}`, `an object with ${members.join(', ')}`, value)
  refuseUnknown(value, new Set(members), `http: info.${name}`)
  for (const [member, text] of Object.entries(value)) if (text !== undefined) requireText(text, `.${name}.${member}`)
}

function requireText(value: unknown, where: string): void {
  if (typeof value !== 'string' || value === '') throw wrong(where, 'a text', value)
}

function wrong(where: string, expected: string, got: unknown): ArgumentError {
  return new ArgumentError(`http: info${where}: expected ${expected}, got ${JSON.stringify(got)}`)
}
