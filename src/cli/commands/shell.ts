import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type REPLServer, start } from 'node:repl'
import { PassThrough } from 'node:stream'
import type { App } from '../../app/app.ts'
import { type AppOptions, openApp } from '../loadApp.ts'

/** `celeriac shell`: JavaScript with await, the app and its tasks in scope. Ends with its input. */
export async function shell(options: AppOptions): Promise<void> {
  const app = await openApp(options, 'people')
  const scope = await scopeOf(app)
  if (process.stdin.isTTY) await talk(app, scope)
  else await obey(scope)
  await app.close()
  process.exit()
}

/**
 * Names in the shell: what celeriac exports, then each task by the last part of its name, then `app` and `tasks`, by
 * full name.
 */
async function scopeOf(app: App): Promise<Record<string, unknown>> {
  const exports: object = await import('../../index.ts')
  const scope: Record<string, unknown> = { ...exports }
  const short = [...app.tasks.keys()].map((name) => name.slice(name.lastIndexOf('.') + 1))
  for (const [name, task] of app.tasks) {
    const last = name.slice(name.lastIndexOf('.') + 1)
    const unique = short.indexOf(last) === short.lastIndexOf(last)
    if (unique && /^[A-Za-z_$][\w$]*$/.test(last)) scope[last] = task
  }
  return { ...scope, app, tasks: Object.fromEntries(app.tasks) }
}

async function talk(app: App, scope: Record<string, unknown>): Promise<void> {
  const names = [...app.tasks.keys()].sort().join(', ') || 'none'
  process.stdout.write(`app ${app.config.name}, tasks: ${names}\nawait works; .help lists commands, .exit ends\n`)
  const server = start({ prompt: '> ', ignoreUndefined: true })
  Object.assign(server.context, scope)
  await once(server, 'exit')
}

/**
 * Lines from a pipe or file, one after the other, each result printed: the REPL by itself reads on while a line still
 * waits.
 */
async function obey(scope: Record<string, unknown>): Promise<void> {
  const input = new PassThrough()
  const server = start({ prompt: '', input, output: process.stdout, terminal: false, ignoreUndefined: true })
  Object.assign(server.context, scope)
  const ended = once(server, 'exit')
  let ready = nextPrompt(server)
  for await (const line of createInterface({ input: process.stdin })) {
    input.write(`${line}\n`)
    await Promise.race([ready, ended])
    ready = nextPrompt(server)
  }
  input.end()
  await ended
}

/** Resolves when the REPL has evaluated a line and would show the prompt for the next; no prompt is shown here. */
function nextPrompt(server: REPLServer): Promise<void> {
  return new Promise((resolve) => {
    server.displayPrompt = () => resolve()
  })
}
