/* The thread that `startWatchdog` starts. */
import { watchLifeline } from './lifeline.ts'
import { killGroup } from './processGroup.ts'

watchLifeline(() => killGroup(process.pid))
