/** What changes in the record of a job that waits, beside its state. */
export interface RecordChange {
  readonly queue?: string | undefined
  /** When it is due, ISO 8601; null: at once. Absent: as it was. */
  readonly due?: string | null | undefined
  /** Replaces the input that is kept with the record; where none is kept, none is added. */
  readonly input?: string | Uint8Array | undefined
}
