import type { JSX } from 'preact'

/** Lines of each picture, in a square of 16. */
const PATHS: Readonly<Record<string, string>> = {
  mark: 'M8 14V7M8 7C8 4 6 2.5 3 2.5 3 5.5 5 7 8 7ZM8 7c0-3 2-4.5 5-4.5C13 5.5 11 7 8 7ZM5 14h6',
  overview: 'M2 13h12M3.5 10l3-4 3 2.5 3.5-5.5',
  jobs: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  workflows: 'M3 3h4v3H3zM9 10h4v3H9zM3 10h4v3H3zM5 6v4M5 8h6v2',
  queues: 'M2.5 3.5h11v3h-11zM2.5 9.5h11v3h-11z',
  dead: 'M2.5 4.5h11v8h-11zM2.5 5l5.5 4.5L13.5 5',
  workers: 'M5 5h6v6H5zM8 2.5V5M8 11v2.5M2.5 8H5M11 8h2.5',
  schedules: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3l2 1.5',
  failures: 'M8 2.5l6 10.5H2zM8 6.5v3M8 11.300v.2',
  health: 'M2 8h3l1.5-4 3 8L11 8h3',
  call: 'M4.5 3l8 5-8 5z',
  'theme-system': 'M2.5 3.5h11v7h-11zM6 13h4M8 10.5V13',
  'theme-light':
    'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.400 3.400l1 1M11.600 11.600l1 1M3.400 12.600l1-1M11.600 4.400l1-1',
  'theme-dark': 'M13 9.5A5.5 5.5 0 1 1 6.5 3 4.5 4.5 0 0 0 13 9.5z',
  keys: 'M2 4.5h12v7H2zM4.5 7h.2M7 7h.2M9.5 7h.2M12 7h.2M5 9.5h6',
  leave: 'M6.5 3H3v10h3.5M7 8h6M10.5 5.5L13 8l-2.5 2.5',
  done: 'M3 8.5l3 3 7-7',
  alert: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.5M8 10.800v.2',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  more: 'M3.5 8h.2M8 8h.2M12.5 8h.2',
  pause: 'M5.5 4v8M10.5 4v8',
  play: 'M5 3.5l7 4.5-7 4.5z',
  up: 'M4 10l4-4 4 4',
  down: 'M4 6l4 4 4-4',
  right: 'M6 4l4 4-4 4',
  left: 'M10 4L6 8l4 4',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  critical: 'M8 2.5L13.5 8 8 13.5 2.5 8zM8 6v2.500M8 10.500v.2',
  fit: 'M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3',
  'state-waiting': 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3zM8 5.5V8h2',
  'state-running': 'M6 4.5l5.5 3.5L6 11.5z',
  'state-again': 'M12.5 8A4.5 4.5 0 1 1 11 4.700M11.5 2v3h-3',
  'state-good': 'M3.5 8.5l3 3 6-7',
  'state-bad': 'M4.5 4.5l7 7M11.5 4.5l-7 7',
  'state-stopped': 'M5 5h6v6H5z',
}

/** A picture beside a text, or in a button with a label: it says nothing by itself. */
export function Icon({ name }: { name: string }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={iconPath(name)} />
    </svg>
  )
}

/** Its lines, for a drawing of which it is a part. */
export function iconPath(name: string): string {
  return PATHS[name] ?? ''
}
