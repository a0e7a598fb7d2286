import { type Signal, signal } from './signal.ts'

/** The tab is in front: only then is anything loaded by itself, or followed. */
export const isVisible: Signal<boolean> = signal(document.visibilityState === 'visible')

document.addEventListener('visibilitychange', () => {
  isVisible.value = document.visibilityState === 'visible'
})
