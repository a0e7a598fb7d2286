import { createConfig, lintFromString } from '@redocly/openapi-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { basic, bearer } from '../../src/http/access/auth.ts'
import { createHttp } from '../../src/http/api.ts'
import { PROBLEMS } from '../../src/http/output/problem.ts'
import { Celeriac } from '../../src/index.ts'
import { type Service, startService } from './harness.ts'

type Json = { readonly [key: string]: Json } & readonly Json[] & string

async function documentOf(
  app: Celeriac,
  expose: Parameters<typeof createHttp>[1]['expose'],
  basePath?: string,
): Promise<Json> {
  const response = await createHttp(app, { expose, basePath }).request('/openapi.json')
  return (await response.json()) as Json
}

/** What a `$ref` of the document leads to. */
function follow(document: Json, ref: string): Json | undefined {
  return ref
    .slice(2)
    .split('/')
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<Json | undefined>((at, step) => at?.[step], document)
}

function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) =>
    key === '$ref' && typeof item === 'string' ? [item] : refsOf(item),
  )
}

describe('GET /openapi.json', () => {
  let service: Service
  let document: Json
  beforeAll(async () => {
    service = await startService()
    const response = await service.fetch('/openapi.json')
    expect(response.headers.get('content-type')).toBe('application/json')
    document = (await response.json()) as Json
  })
  afterAll(() => service[Symbol.asyncDispose]())

  test('is OpenAPI 3.1 with a path for each exposed task, and no other', () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(Object.keys(document.paths as object)).toEqual([
      '/v1/tasks/tasks.add',
      '/v1/tasks/tasks.echo',
      '/v1/tasks/reports.render',
      '/v1/tasks/tasks.wait',
      '/v1/tasks/tasks.fail',
      '/v1/tasks/tasks.repeat',
      '/v1/tasks/tasks.opaque',
      '/v1/tasks/python.multiply',
      '/v1/batches',
      '/v1/batches/{id}',
      '/v1/jobs',
      '/v1/jobs/{id}',
      '/v1/jobs/{id}/result',
      '/v1/jobs/{id}/events',
      '/v1/records',
      '/v1/jobs/{id}/retry',
      '/v1/jobs/{id}/workflow',
      '/v1/workflows',
      '/v1/waits/{token}',
      '/v1/dead',
      '/v1/dead/redrive',
      '/v1/dead/{id}',
      '/v1/dead/{id}/redrive',
      '/livez',
      '/readyz',
      '/openapi.json',
      '/metrics',
    ])
    expect(JSON.stringify(document)).not.toContain('tasks.hidden')
  })

  test('a task has the schemas of its input, result and progress', () => {
    const post = document.paths?.['/v1/tasks/reports.render']?.post
    expect(post).toMatchObject({
      operationId: 'submit_reports.render',
      summary: 'Make a report',
      requestBody: { required: true },
    })
    const input = follow(document, post?.requestBody?.content?.['application/json']?.schema?.$ref as string)
    expect(input).toMatchObject({
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'string' }, dpi: { default: 150 } },
    })
    const job = follow(document, post?.responses?.['202']?.content?.['application/json']?.schema?.$ref as string)
    const own = job?.allOf?.[1]?.properties
    expect(own?.task).toEqual({ const: 'reports.render' })
    expect(follow(document, own?.result?.$ref as string)).toMatchObject({ required: ['url', 'pages'] })
    expect(follow(document, own?.progress?.anyOf?.[0]?.$ref as string)).toMatchObject({ required: ['page', 'of'] })
  })

  test('positional tasks take a list, those of elsewhere a list or an object', () => {
    // Declared nowhere, so that too few or too many are not told.
    expect(document.components?.schemas?.['tasks.add.input']).toEqual({
      type: 'array',
      description: 'The arguments, in order.',
      items: {},
      prefixItems: [{ title: 'x' }, { title: 'y' }],
    })
    const names = (path: string): unknown => document.paths?.[path]?.post?.['x-celeriac-params']
    expect(names('/v1/tasks/tasks.add')).toEqual(['x', 'y'])
    expect(names('/v1/tasks/reports.render')).toEqual(['id', 'dpi', 'tags'])
    expect(names('/v1/tasks/tasks.wait')).toBeUndefined()
    expect(document.components?.schemas?.['tasks.repeat.input']).toMatchObject({
      prefixItems: [
        { title: 'text', type: 'string' },
        { title: 'times', type: 'integer', maximum: 9 },
      ],
      minItems: 1,
      maxItems: 2,
    })
    expect(document.paths?.['/v1/tasks/tasks.repeat']?.post?.requestBody?.required).toBe(true)
    expect(document.components?.schemas?.['python.multiply.input']).toMatchObject({
      oneOf: [{ type: 'array' }, { type: 'object' }],
    })
    expect(document.components?.schemas?.['tasks.add.result']).toEqual({})
  })

  test('every problem that a request to what is described may meet is described', () => {
    const text = JSON.stringify(document)
    // What is not found, by path or by method, is no operation; what is not understood has no path.
    const outside = new Set([
      'malformed-request',
      'headers-too-large',
      'request-timeout',
      'not-found',
      'method-not-allowed',
      'unknown-task',
    ])
    // Only of an API with authentication, limits or webhooks.
    const optional = new Set(['unauthorized', 'rate-limited', 'invalid-webhook', 'cannot-limit'])
    // Only of a fleet.
    const ofFleets = new Set(
      `unknown-worker worker-refused cannot-control cannot-peek not-recorded audit-unavailable unknown-schedule
      schedule-exists schedule-in-code schedule-changed cannot-schedule`.split(/\s+/),
    )
    for (const kind of Object.keys(PROBLEMS)) {
      if (outside.has(kind) || optional.has(kind) || ofFleets.has(kind)) continue
      expect(text, kind).toContain(`urn:celeriac:problem:${kind}"`)
    }
  })

  test('every reference leads somewhere', () => {
    const refs = refsOf(document)
    expect(refs.length).toBeGreaterThan(20)
    for (const ref of refs) expect(follow(document, ref), ref).toBeDefined()
  })

  test('the answers of a call, with their headers', () => {
    const responses = document.paths?.['/v1/tasks/tasks.add']?.post?.responses
    expect(Object.keys(responses as object)).toEqual([
      '200',
      '202',
      '400',
      '403',
      '409',
      '413',
      '415',
      '421',
      '422',
      '500',
      '501',
      '503',
    ])
    expect(Object.keys(responses?.['202']?.headers as object)).toEqual([
      'Location',
      'Retry-After',
      'Link',
      'Idempotent-Replayed',
      'Preference-Applied',
    ])
  })
})

describe('openapi: links', () => {
  type Links = Record<string, { operationId: string; parameters: { id: string } } | undefined>

  test('lead from a submitted job to its state, result, events and cancellation, and onwards from there', async () => {
    const document = await documentOf(new Celeriac({ broker: 'memory:' }), ['x'])
    const linksOf = (path: string, method: string, status: string): Links =>
      (document.paths?.[path]?.[method]?.responses?.[status]?.links ?? {}) as unknown as Links
    const submitted = ['getJob', 'getResult', 'getEvents', 'cancelJob']
    expect(Object.keys(linksOf('/v1/tasks/x', 'post', '202'))).toEqual(submitted)
    expect(Object.keys(linksOf('/v1/jobs/{id}/retry', 'post', '202'))).toEqual(submitted)
    expect(Object.keys(linksOf('/v1/tasks/x', 'post', '200'))).toEqual(['getJob', 'getResult', 'getEvents', 'retryJob'])
    expect(Object.keys(linksOf('/v1/batches', 'post', '202'))).toEqual(['getBatch'])
    expect(Object.keys(linksOf('/v1/jobs/{id}', 'get', '200'))).toEqual([
      'getResult',
      'getEvents',
      'cancelJob',
      'retryJob',
    ])
    expect(Object.keys(linksOf('/v1/jobs/{id}/result', 'get', '202'))).toEqual(['getJob', 'getEvents', 'cancelJob'])
    expect(Object.keys(linksOf('/v1/jobs/{id}', 'delete', '202'))).toEqual(['getJob', 'getEvents'])
  })

  test('a client that follows them by the document alone comes to the result', async () => {
    await using service = await startService()
    const document = (await (await service.fetch('/openapi.json')).json()) as Json
    const operations = new Map(
      Object.entries(document.paths as object).flatMap(([path, item]) =>
        Object.entries(item as Record<string, { operationId?: string }>).map(
          ([method, { operationId }]) => [operationId, { path, method }] as const,
        ),
      ),
    )
    const accepted = await service.post('/v1/tasks/tasks.add', [1, 2])
    const { id } = (await accepted.json()) as { id: string }
    const links = document.paths?.['/v1/tasks/tasks.add']?.post?.responses?.['202']?.links as unknown as Links
    for (const link of Object.values(links)) {
      const { path = '', method = '' } = operations.get(link?.operationId) ?? {}
      expect(link?.parameters.id).toBe('$response.body#/id')
      const answer = await service.fetch(path.replace('{id}', id), { method })
      expect([200, 202], `${method} ${path}`).toContain(answer.status)
      await answer.body?.cancel()
    }
  })
})

describe('openapi: info', () => {
  test('is what the application says of its API', async () => {
    const app = new Celeriac({ name: 'shop', broker: 'memory:' })
    const info = { version: '2.1', license: { name: 'MIT', identifier: 'MIT' }, termsOfService: 'https://a.example/' }
    const document = await (await createHttp(app, { expose: ['x'], info }).request('/openapi.json')).json()
    expect(document).toMatchObject({ info: { title: 'shop', description: expect.any(String), ...info } })
  })

  test.each([
    [1, 'http: info: expected an object, got 1'],
    [{ licence: {} }, 'licence'],
    [{ version: 2 }, 'http: info.version: expected a text, got 2'],
    [{ license: 'MIT' }, 'http: info.license: expected an object with name, identifier, url, got "MIT"'],
    [{ license: { identifier: 'MIT' } }, 'http: info.license.name: expected a text, got undefined'],
    [{ license: { name: 'x', identifier: 'MIT', url: 'https://a.example' } }, 'expected an identifier or a url'],
    [{ contact: { mail: 'x' } }, 'mail'],
  ])('%j is refused', (info, message) => {
    const app = new Celeriac({ broker: 'memory:' })
    expect(() => createHttp(app, { expose: ['x'], info: info as object })).toThrow(message)
  })
})

describe('openapi by options', () => {
  const secret = `whsec_${Buffer.alloc(32).toString('base64')}`

  test('without webhooks there is no word of them; with them, callbacks and webhooks', async () => {
    const plain = await documentOf(new Celeriac({ broker: 'memory:' }), ['x'])
    expect(JSON.stringify(plain)).not.toMatch(/webhook/i)
    const document = await documentOf(new Celeriac({ broker: 'memory:', webhooks: { secret } }), ['x'])
    expect(Object.keys(document.webhooks as object)).toEqual(['jobEnded'])
    const callbacks = document.paths?.['/v1/tasks/x']?.post?.callbacks
    expect(Object.keys(callbacks?.jobEnded as object)).toEqual(['{$request.header.Celeriac-Webhook}'])
  })

  test('who asks who it is says how, and what for', async () => {
    const app = new Celeriac({ broker: 'memory:' })
    const get = async (
      authorize: NonNullable<Parameters<typeof createHttp>[1]['authorize']>,
      header: string,
    ): Promise<Json> => {
      const api = createHttp(app, { expose: [{ task: 'x', scopes: ['write'] }], authorize })
      const response = await api.request('/openapi.json', { headers: { authorization: header } })
      return (await response.json()) as Json
    }
    const byToken = await get(bearer({ 'a-token-of-16-chars': 'ada' }), 'Bearer a-token-of-16-chars')
    expect(byToken.components?.securitySchemes).toEqual({ bearer: { type: 'http', scheme: 'bearer' } })
    expect(byToken.security).toEqual([{ bearer: [] }])
    const post = byToken.paths?.['/v1/tasks/x']?.post
    expect(post?.security).toEqual([{ bearer: ['write'] }])
    expect(Object.keys(post?.responses as object)).toContain('401')
    expect(byToken.paths?.['/livez']?.get?.security).toEqual([])
    const byUser = await get(basic({ ada: 'secret' }), `Basic ${btoa('ada:secret')}`)
    expect(byUser.components?.securitySchemes).toEqual({ basic: { type: 'http', scheme: 'basic' } })
  })

  test('examples of a task, and types of body that it takes', async () => {
    const app = new Celeriac({ broker: 'memory:' })
    const task = app.task('images.resize', (_image: Uint8Array) => 'ok', {
      accepts: 'image/*',
      example: { input: ['aGk='], result: 'ok' },
    })
    const document = await documentOf(app, [task])
    expect(document.components?.schemas?.['images.resize.input']?.examples).toEqual([['aGk=']])
    expect(Object.keys(document.paths?.['/v1/tasks/images.resize']?.post?.requestBody?.content as object)).toEqual([
      'application/json',
      'image/*',
    ])
    expect(() => app.task('other', () => 1, { example: { inptu: 1 } as object })).toThrow('inptu')
  })

  test('a public linter finds nothing, at its strictest', async () => {
    const app = new Celeriac({ broker: 'memory:', webhooks: { secret } })
    const render = app.task({
      name: 'reports.render',
      input: z.object({ id: z.string(), dpi: z.coerce.number().default(150) }),
      output: z.object({ url: z.string() }),
      progress: z.object({ page: z.number() }),
      example: { input: { id: 'r1' }, result: { url: '/r1' }, progress: { page: 1 } },
      run: () => ({ url: '' }),
    })
    const expose = [{ task: render, scopes: ['write'] }, 'a/b c', 'x']
    const authorize = bearer({ 'a-token-of-16-chars': 'ada' })
    const apis = [
      createHttp(app, { expose, authorize, rateLimit: { requests: 10, per: '1s' } }),
      createHttp(new Celeriac({ broker: 'memory:' }), { expose: ['x'] }),
      createHttp(new Celeriac({ broker: 'memory:' }), {
        expose: ['x'],
        info: { version: '2.1', license: { name: 'MIT', identifier: 'MIT' }, contact: { email: 'api@example.com' } },
      }),
    ]
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: { 'operation-description': 'error', 'operation-summary': 'error', 'tag-description': 'error' },
    })
    for (const api of apis) {
      const response = await api.request('/openapi.json', { headers: { authorization: 'Bearer a-token-of-16-chars' } })
      const problems = await lintFromString({ source: await response.text(), config })
      expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual([])
    }
  })
})

describe('openapi of odd tasks', () => {
  test('recursive schemas keep their references; schemas without JSON Schema are {}', async () => {
    const app = new Celeriac({ broker: 'memory:' })
    const Node = z.object({
      name: z.string(),
      get children() {
        return z.array(Node)
      },
    })
    const tree = app.task({
      name: 'tree',
      input: z.object({ root: Node }),
      output: z.object({ at: z.date() }),
      run: () => ({ at: new Date() }),
    })
    const plain = { '~standard': { version: 1 as const, vendor: 'test', validate: (value: unknown) => ({ value }) } }
    const bare = app.task({ name: 'bare', input: plain, run: () => 1 })
    const document = await documentOf(app, [tree, bare])
    const refs = refsOf(document).filter((ref) => ref.includes('tree.input'))
    expect(refs.length).toBeGreaterThan(1)
    for (const ref of refs) expect(follow(document, ref), ref).toBeDefined()
    expect(document.components?.schemas?.['tree.result']).toEqual({})
    expect(document.components?.schemas?.['bare.input']).toEqual({})
  })

  test('names with other characters get a component and a path of their own', async () => {
    const app = new Celeriac({ broker: 'memory:' })
    const names = ['a/b', 'a_b', 'a b', 'ü']
    const document = await documentOf(app, names, '/api/v2')
    for (const name of names) expect(document.paths?.[`/api/v2/tasks/${encodeURIComponent(name)}`]).toBeDefined()
    const keys = Object.keys(document.components?.schemas as object).filter((key) => key.endsWith('.input'))
    expect(new Set(keys).size).toBe(names.length)
    for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9._-]+$/)
  })
})
