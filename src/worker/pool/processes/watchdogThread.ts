/* The thread that `startWatchdog` starts. */
import { watchLifeline } from './lifeline.ts'
import { killGroup } from './processGroup.ts'

let reader: Promise<(text: string) => void> | undefined

watchLifeline(
  () => killGroup(process.pid),
  (text, lifeline) => {
    reader ??= import('./inspected.ts').then(({ inspected }) => inspected(lifeline))
    // Where its code is missing the worker gets no answer, and this process goes on.
    reader.then((read) => read(text)).catch(() => undefined)
  },
)
