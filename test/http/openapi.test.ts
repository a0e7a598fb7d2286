import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createHttp } from '../../src/http/api.ts'
import { PROBLEMS } from '../../src/http/problem.ts'
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
      '/v1/tasks/python.multiply',
      '/v1/jobs',
      '/v1/jobs/{id}',
      '/v1/jobs/{id}/result',
      '/livez',
      '/readyz',
    ])
    expect(JSON.stringify(document)).not.toContain('tasks.hidden')
  })

  test('a task has the schemas of its input, result and progress', () => {
    const post = document.paths?.['/v1/tasks/reports.render']?.post
    expect(post).toMatchObject({
      operationId: 'reports.render',
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
    expect(document.components?.schemas?.['tasks.add.input']).toMatchObject({ type: 'array' })
    expect(document.components?.schemas?.['python.multiply.input']).toMatchObject({
      oneOf: [{ type: 'array' }, { type: 'object' }],
    })
    expect(document.components?.schemas?.['tasks.add.result']).toEqual({})
  })

  test('every problem is described', () => {
    expect(Object.keys(document.components?.responses as object)).toEqual(Object.keys(PROBLEMS))
  })

  test('every reference leads somewhere', () => {
    const refs = refsOf(document)
    expect(refs.length).toBeGreaterThan(20)
    for (const ref of refs) expect(follow(document, ref), ref).toBeDefined()
  })

  test('every request that the tests make is described: the answers of a call', () => {
    expect(Object.keys(document.paths?.['/v1/tasks/tasks.add']?.post?.responses as object)).toEqual([
      '202',
      '400',
      '413',
      '415',
      '422',
      '500',
      '503',
    ])
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
