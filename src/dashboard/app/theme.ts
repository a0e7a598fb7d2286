import { type Signal, signal } from '../api/signal.ts'

/** `system`: as the browser is set. */
export type Theme = 'system' | 'light' | 'dark'

const KEY = 'celeriac.theme'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const kept = localStorage.getItem(KEY)

export const theme: Signal<Theme> = signal(THEMES.find((one) => one === kept) ?? 'system')

/** The next of them, for one button. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] as Theme
  localStorage.setItem(KEY, theme.value)
  applyTheme()
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme.value
}
