import { type Signal, signal } from '../../../api/signal.ts'

export interface View {
  /** Of the drawing's corner, in the window's pixels. */
  readonly x: number
  readonly y: number
  readonly scale: number
}

interface Size {
  readonly width: number
  readonly height: number
}

const MIN_SCALE = 0.05
const MAX_SCALE = 2.5
/** Around the whole drawing, px. */
const MARGIN = 16
/** So much of the drawing stays in sight, px. */
const LEFT = 48

/** What is seen of a drawing: moved and zoomed by pointers, wheel and keys. */
export class Viewport {
  readonly view: Signal<View> = signal({ x: 0, y: 0, scale: 1 })
  readonly #pointers = new Map<number, { readonly x: number; readonly y: number }>()
  #window: Size = { width: 0, height: 0 }
  #drawing: Size = { width: 0, height: 0 }
  /** The user has chosen what is seen: a change of the size does not change that. */
  #isChosen = false
  #moved = 0

  /** The sizes have changed. */
  resize(inside: Size, drawing: Size): void {
    this.#window = inside
    this.#drawing = drawing
    if (!this.#isChosen) this.fit()
  }

  /** All of it, in the middle, and no larger than it is. */
  fit(): void {
    const { width, height } = this.#window
    if (width === 0 || height === 0) return
    const scale = Math.max(
      MIN_SCALE,
      Math.min(1, (width - 2 * MARGIN) / this.#drawing.width, (height - 2 * MARGIN) / this.#drawing.height),
    )
    const x = (width - this.#drawing.width * scale) / 2
    const y = (height - this.#drawing.height * scale) / 2
    this.view.value = { x, y, scale }
    this.#isChosen = false
  }

  /** Around a point of the window; default: its middle. */
  zoom(factor: number, at = { x: this.#window.width / 2, y: this.#window.height / 2 }): void {
    const { x, y, scale } = this.view.value
    const next = Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale * factor))
    const by = next / scale
    this.#show({ x: at.x - (at.x - x) * by, y: at.y - (at.y - y) * by, scale: next })
  }

  move(dx: number, dy: number): void {
    const { x, y, scale } = this.view.value
    this.#show({ x: x + dx, y: y + dy, scale })
  }

  /** Moved as little as it takes until this part of the drawing is in sight. */
  reveal(box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): void {
    const { x, y, scale } = this.view.value
    const shift = (from: number, size: number, whole: number): number => {
      if (from < MARGIN) return MARGIN - from
      return from + size > whole - MARGIN ? Math.max(MARGIN - from, whole - MARGIN - from - size) : 0
    }
    const dx = shift(x + box.x * scale, box.width * scale, this.#window.width)
    const dy = shift(y + box.y * scale, box.height * scale, this.#window.height)
    if (dx !== 0 || dy !== 0) this.move(dx, dy)
  }

  down(id: number, x: number, y: number): void {
    if (this.#pointers.size === 0) this.#moved = 0
    this.#pointers.set(id, { x, y })
  }

  /** One pointer moves the drawing, two zoom it, too. True: it was moved. `left` and `top` are the window's. */
  drag(id: number, x: number, y: number, { left, top }: { readonly left: number; readonly top: number }): boolean {
    const before = this.#pointers.get(id)
    if (!before) return false
    const [other] = [...this.#pointers].filter(([one]) => one !== id).map(([, point]) => point)
    this.#pointers.set(id, { x, y })
    this.#moved += Math.abs(x - before.x) + Math.abs(y - before.y)
    if (other) {
      const distance = (point: { readonly x: number; readonly y: number }): number =>
        Math.max(1, Math.hypot(point.x - other.x, point.y - other.y))
      const middle = { x: (x + other.x) / 2 - left, y: (y + other.y) / 2 - top }
      this.zoom(distance({ x, y }) / distance(before), middle)
      this.move((x - before.x) / 2, (y - before.y) / 2)
    } else this.move(x - before.x, y - before.y)
    return true
  }

  up(id: number): void {
    this.#pointers.delete(id)
  }

  /** The press that has just ended has moved the drawing, so it was no click. */
  get wasMoved(): boolean {
    return this.#moved > 5
  }

  #show({ x, y, scale }: View): void {
    const { width, height } = this.#window
    const within = (at: number, size: number, whole: number): number =>
      Math.min(whole - LEFT, Math.max(LEFT - size * scale, at))
    this.#isChosen = true
    this.view.value = {
      x: within(x, this.#drawing.width, width),
      y: within(y, this.#drawing.height, height),
      scale,
    }
  }
}
