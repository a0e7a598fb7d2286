import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Lab } from '../../app/lab.ts'

/** A worker in a process of its own, on the lab's file; ends with the test. */
export async function startProcess(lab: Lab): Promise<ChildProcess> {
  const child = fork(new URL('./process.ts', import.meta.url), [lab.url])
  lab.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.send('stop')
    await gone
  })
  await once(child, 'message')
  return child
}
