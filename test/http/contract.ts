import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'

type Json = { readonly [key: string]: Json | undefined }

/** One answer, as a client got it. */
export interface Exchange {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** Headers of HTTP itself, of caches and of browsers' safety: they are on answers of any API. */
const GENERAL = new Set(
  `date connection keep-alive content-length content-type transfer-encoding cache-control vary allow accept accept-encoding
  x-content-type-options content-security-policy`.split(/\s+/),
)
const METHODS = ['get', 'post', 'put', 'patch', 'delete']

/** Holds answers against an OpenAPI document. */
export class Contract {
  readonly #document: Json
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true })
  /** `POST /v1/tasks/x 202` of each answer that was checked. */
  readonly seen = new Set<string>()
  /** What does not keep to the document, in words. */
  readonly breaches: string[] = []

  constructor(document: unknown) {
    this.#document = document as Json
    ;(addFormats as unknown as typeof addFormats.default)(this.#ajv)
    this.#ajv.addSchema(document as object, 'doc')
  }

  check(exchange: Exchange): void {
    const { method, path, status } = exchange
    const found = this.#operation(path.split('?')[0] as string)
    const template = found?.template
    const operation = found?.item[method === 'HEAD' ? 'get' : method.toLowerCase()]
    this.seen.add(`${method} ${template ?? '?'} ${status}`)
    const tell = (what: string): void => {
      this.breaches.push(`${method} ${path} ${status}: ${what}`)
    }
    if (!operation) {
      this.#undescribed(exchange, found?.item, tell)
      return
    }
    const responses = operation.responses as Json
    const pointer = this.#follow(
      `/paths/${escapeStep(template as string)}/${method === 'HEAD' ? 'get' : method.toLowerCase()}/responses/${status}`,
    )
    if (responses[status] === undefined || !pointer) tell('no such status in the document')
    else this.#against(pointer, exchange, tell)
  }

  /** Nothing is there: 404, or 405 that says what is. */
  #undescribed({ status, headers, body }: Exchange, item: Json | undefined, tell: (what: string) => void): void {
    const expected = item ? 405 : 404
    if (status !== expected) tell(`expected ${expected}, as the document has no such operation`)
    if (item) {
      const allowed = METHODS.filter((method) => item[method] !== undefined).flatMap((method) =>
        method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()],
      )
      if (headers.allow !== allowed.join(', ')) tell(`Allow: expected ${allowed.join(', ')}, got ${headers.allow}`)
    }
    this.#schema('/components/schemas/Problem', JSON.parse(body.toString()), 'body', tell)
  }

  #against(pointer: string, { method, status, headers, body }: Exchange, tell: (what: string) => void): void {
    const response = this.#at(pointer) as Json
    const described = (response.headers ?? {}) as Json
    for (const name of Object.keys(described)) {
      const at = this.#follow(`${pointer}/headers/${escapeStep(name)}`) as string
      const value = headers[name.toLowerCase()]
      const schema = this.#at(at) as Json
      if (value === undefined && (schema.required as unknown) === true) tell(`header ${name} is missing`)
      if (value === undefined) continue
      const isInteger = (this.#at(`${at}/schema`) as Json).type as unknown
      this.#schema(`${at}/schema`, isInteger === 'integer' ? Number(value) : value, `header ${name}`, tell)
    }
    const known = new Set(Object.keys(described).map((name) => name.toLowerCase()))
    for (const name of Object.keys(headers))
      if (!known.has(name) && !GENERAL.has(name)) tell(`header ${name} is not in the document`)
    if (method === 'HEAD' || status === 304) return
    const content = response.content as Json | undefined
    if (!content) {
      if (body.length > 0) tell('expected no body')
      return
    }
    const type = (headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''
    const key = [type, type.replace(/\/.*/, '/*'), '*/*'].find((one) => content[one] !== undefined)
    if (key === undefined) tell(`content type ${type} is not in the document`)
    else if (/json$/.test(type) && content[key]?.schema)
      this.#schema(`${pointer}/content/${escapeStep(key)}/schema`, JSON.parse(body.toString()), 'body', tell)
  }

  #schema(pointer: string, value: unknown, what: string, tell: (what: string) => void): void {
    const validate = this.#ajv.compile({ $ref: `doc#${encodeURI(pointer)}` })
    if (!validate(value))
      tell(`${what}: ${this.#ajv.errorsText(validate.errors)} in ${JSON.stringify(value)?.slice(0, 300)}`)
  }

  /** Of a component's schema: for what is not an answer, as the body of a webhook. */
  errorsOf(component: string, value: unknown): string[] {
    const errors: string[] = []
    this.#schema(`/components/schemas/${component}`, value, component, (what) => errors.push(what))
    return errors
  }

  /** Names before parameters. */
  #operation(path: string): { template: string; item: Json } | undefined {
    const paths = this.#document.paths as Json
    const fits = (template: string): boolean =>
      new RegExp(`^${template.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path)
    const template = Object.keys(paths)
      .sort((a, b) => a.split('{').length - b.split('{').length)
      .find(fits)
    return template === undefined ? undefined : { template, item: paths[template] as Json }
  }

  /** A place, or what it refers to. */
  #follow(pointer: string): string | undefined {
    const { $ref } = (this.#at(pointer) ?? {}) as { $ref?: unknown }
    if (typeof $ref === 'string') return this.#follow($ref.slice(1))
    return this.#at(pointer) === undefined ? undefined : pointer
  }

  #at(pointer: string): Json | undefined {
    return pointer
      .slice(1)
      .split('/')
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<Json | undefined>((at, step) => at?.[step], this.#document)
  }
}

function escapeStep(step: string): string {
  return step.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** A server that passes everything on, and holds each answer against a contract when it has ended. */
export class ValidatingProxy {
  readonly #server: Server
  readonly contract: Contract
  url = ''

  private constructor(server: Server, contract: Contract) {
    this.#server = server
    this.contract = contract
  }

  static async start(upstream: string, contract: Contract): Promise<ValidatingProxy> {
    const server = createServer((incoming, outgoing) => {
      const { method = '', url = '', headers } = incoming
      let answered = false
      const forward = httpRequest(upstream + url, { method, headers }, (response: IncomingMessage) => {
        answered = true
        const chunks: Buffer[] = []
        const { statusCode: status = 0, headers: got } = response
        outgoing.writeHead(status, response.rawHeaders)
        outgoing.flushHeaders()
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          outgoing.write(chunk)
        })
        response.on('end', () => {
          contract.check({ method, path: url, status, headers: got, body: Buffer.concat(chunks) })
          outgoing.end()
        })
        response.on('error', () => outgoing.destroy())
        outgoing.on('close', () => forward.destroy())
      })
      // A server that has answered before it was told everything takes no more.
      forward.on('error', () => answered || outgoing.destroy())
      incoming.pipe(forward)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const proxy = new ValidatingProxy(server, contract)
    proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return proxy
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
