import { configDefaults, type TestProjectInlineConfiguration } from 'vitest/config'

/** Folders whose files share processes, and the modules that these have loaded: starting and loading is most of what they cost. */
const SHARING =
  'app,backend,beat,bench,broker,canvas,chaos,cli,client,codec,config,control,cross,dashboard,deploy,docs,events,http,interop,lifecycle,limits,outbox,payloads,postgres,protocol,std,stores,webhook,worker'.split(
    ',',
  )

/** Vitest's projects for these files: those that have a process each, and those that share some. */
export function projects(include: readonly string[], exclude: readonly string[]): TestProjectInlineConfiguration[] {
  const project = (name: string, isolate: boolean, others: readonly string[]): TestProjectInlineConfiguration => ({
    extends: true,
    test: { name, isolate, include: [...include], exclude: [...configDefaults.exclude, ...exclude, ...others] },
  })
  return [
    project('own', true, [`test/{${SHARING.join(',')}}/**`]),
    project('shared', false, ['examples/**', 'test/*.test.ts', `test/!(${SHARING.join('|')})/**`]),
  ]
}
