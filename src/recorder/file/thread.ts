import { parentPort, workerData } from 'node:worker_threads'
import { ChangeWatcher } from '../../stores/sqlite/changeWatcher.ts'
import type { CallError, FileCall, FileReport } from './fileThread.ts'
import { type FileFacts, RecorderFile } from './recorderFile.ts'

/* The thread of `FileThread`. It may block: no other thread waits for it. */

const facts = workerData as FileFacts
const port = parentPort as NonNullable<typeof parentPort>
const file = new RecorderFile(facts)
let watcher: ChangeWatcher | undefined

function answer({ call, method, given }: Extract<FileCall, { call: number }>): FileReport {
  try {
    const run = file.calls[method] as (...given: readonly unknown[]) => unknown
    return { call, value: run(...given) }
  } catch (error) {
    file.failed(error)
    return { call, error: errorOf(error) }
  }
}

function errorOf(error: unknown): CallError {
  const { name, message, errcode } = error as { name?: string; message?: string; errcode?: number }
  return { name: name ?? 'Error', message: message ?? String(error), ...(errcode !== undefined && { errcode }) }
}

function report(one: FileReport): void {
  port.postMessage(one)
}

/** Report each change that another connection has made, while this is wanted. */
function watch(isWanted: boolean): void {
  watcher?.close()
  watcher = isWanted ? new ChangeWatcher(facts.path, () => file.version()) : undefined
  watcher?.on(() => report({ changed: true }))
}

port.on('message', (command: FileCall) => {
  if ('call' in command) report(answer(command))
  else if ('watch' in command) watch(command.watch)
  else {
    watcher?.close()
    file.close()
    port.close()
  }
})
