import type { App } from 'celeriac'

/** A line on standard output for each integral that ends, on standard error for what goes wrong around them. */
export function logLines(app: App): void {
  app.on('task:success', ({ task, id, result, runtime }) =>
    say(`${task}[${id}] succeeded in ${seconds(runtime)}: ${result}`),
  )
  app.on('task:failure', ({ task, id, error, runtime }) =>
    say(`${task}[${id}] failed in ${seconds(runtime)}: ${error.type}: ${error.message}`),
  )
  app.on('task:revoked', ({ task, id, reason }) => say(`${task}[${id}] ${reason}`))
  app.on('task:returned', ({ task, id }) => say(`${task}[${id}] given back to the queue`))
  app.on('task:lost', ({ task, id }) => say(`${task}[${id}] lost to another worker: its lease ran out`))
  app.on('task:unknown', ({ task, id }) => say(`${task}[${id}] is not a task of this service`))
  app.on('task:undecodable', ({ queue, error }) => say(`a message in queue ${queue} cannot be read: ${error.message}`))
  app.on('worker:error', ({ doing, error }) => console.error(time(), `${doing}:`, error))
}

function say(line: string): void {
  console.log(time(), line)
}

function time(): string {
  return new Date().toTimeString().slice(0, 8)
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`
}
