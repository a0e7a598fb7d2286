import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { folded } from '../../backend/jobSearch.ts'

/*
 * Full text: of each three characters that follow each other (trigram), the jobs whose text has them. It finds
 * candidates; the text of the job decides. It lies in parts of a number of jobs each, newest last: a search goes from
 * the newest part to the oldest, and what is dropped by its age is dropped as a whole part.
 */

const JOBS_PER_PART = 32_768
/** Bytes of new entries that are gathered in memory before they are written. */
const GATHERED_BYTES = 8 * 2 ** 20
/** Trigrams of one word that are looked up; a longer word is decided by its text. */
const MAX_TRIGRAMS = 24
const TRIGRAM = 3
/** Before the numbers of all jobs. */
const NO_JOB = 1
const FRAME = '\n'.repeat(TRIGRAM)

interface PartRow {
  readonly number: number
  readonly since: number
  readonly jobs: number
}

/** Statements of one part. */
interface Part {
  readonly insert: StatementSync
  readonly remove: StatementSync
}

export class TextIndex {
  readonly #db: DatabaseSync
  readonly #parts = new Map<number, Part>()
  readonly #list: StatementSync
  readonly #count: StatementSync

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#list = db.prepare('SELECT number, since, jobs FROM text_part ORDER BY number DESC')
    this.#count = db.prepare('UPDATE text_part SET jobs = jobs + ? WHERE number = ?')
  }

  /** Add texts of jobs, in the order of their numbers. Inside a transaction. */
  add(jobs: readonly (readonly [seq: number, texts: readonly string[]])[]): void {
    let [part] = this.#all()
    let added = 0
    for (const [seq, texts] of jobs) {
      if (!part || part.jobs + added >= JOBS_PER_PART) {
        if (part && added > 0) this.#count.run(added, part.number)
        part = this.#begin(seq)
        added = 0
      }
      this.#statements(part.number).insert.run(seq, framed(texts))
      added++
    }
    if (part && added > 0) this.#count.run(added, part.number)
  }

  /** A job that was added has more texts. */
  extend(seq: number, more: readonly string[]): void {
    const part = this.#partOf(seq)
    if (part) this.#statements(part.number).insert.run(seq, framed(more))
  }

  /**
   * Remove a job. `texts`: all that were added of it, each once, in this many steps. Each removal finds the entries of
   * one step. Text of blanks keeps the sum of all lengths above what is removed: SQLite takes a sum below zero for
   * damage of the file.
   */
  remove(seq: number, texts: readonly string[], pieces: number): void {
    const part = this.#partOf(seq)
    if (!part) return
    const { insert, remove } = this.#statements(part.number)
    const text = framed(texts)
    for (let piece = 0; piece < pieces; piece++) {
      // Before each, as an entry of an earlier job lets SQLite write what it has gathered.
      insert.run(NO_JOB, ' '.repeat(text.length))
      remove.run(seq, text)
    }
  }

  /** Drop the parts whose jobs are all older than this one. Returns how many. */
  dropBefore(seq: number): number {
    const parts = this.#all()
    // A part ends where the next one begins.
    const old = parts.filter((_, at) => (parts[at - 1]?.since ?? Number.POSITIVE_INFINITY) <= seq)
    for (const { number } of old) {
      this.#parts.delete(number)
      this.#db.exec(`DROP TABLE job_text_${number}`)
      this.#db.prepare('DELETE FROM text_part WHERE number = ?').run(number)
    }
    return old.length
  }

  /** Drop all of it: it is made again from the jobs. */
  dropAll(): void {
    this.#db.exec('BEGIN IMMEDIATE')
    this.#parts.clear()
    for (const { number } of this.#all()) this.#db.exec(`DROP TABLE job_text_${number}`)
    this.#db.exec('DELETE FROM text_part; UPDATE recorder SET indexed = 0; UPDATE job SET pieces = 1 WHERE pieces > 1')
    this.#db.exec('COMMIT')
  }

  /**
   * Jobs before `before` and not before `since` that may have these words, newest first, part by part: each answer is
   * one step of bounded work. `until`: down to which job the candidates are complete.
   */
  *candidates(
    words: readonly string[],
    before: number,
    since: number,
    limit: number,
  ): Generator<{ readonly seqs: readonly number[]; readonly until: number }> {
    const match = matchOf(words)
    let end = before
    for (const { number, since: first } of this.#all()) {
      if (first >= end) continue
      const read = this.#db.prepare(
        `SELECT rowid AS seq FROM job_text_${number} WHERE job_text_${number} MATCH ? AND rowid < ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?`,
      )
      for (;;) {
        const seqs = (read.all(match, end, since, limit) as { seq: number }[]).map(({ seq }) => seq)
        const isWhole = seqs.length < limit
        end = isWhole ? Math.max(first, since) : (seqs.at(-1) as number)
        yield { seqs, until: end }
        if (isWhole) break
      }
      if (first <= since) return
    }
  }

  #all(): PartRow[] {
    return this.#list.all() as unknown as PartRow[]
  }

  #partOf(seq: number): PartRow | undefined {
    return this.#all().find(({ since }) => since <= seq)
  }

  #begin(since: number): PartRow {
    const number = Number(
      this.#db.prepare('INSERT INTO text_part (since, jobs) VALUES (?, 0)').run(since).lastInsertRowid,
    )
    const table = `job_text_${number}`
    this.#db.exec(`
      CREATE VIRTUAL TABLE ${table} USING fts5(
        text, content='', columnsize=0, detail=none, tokenize="trigram case_sensitive 1"
      );
      INSERT INTO ${table}(${table}, rank) VALUES ('hashsize', ${GATHERED_BYTES});
      INSERT INTO ${table}(${table}, rank) VALUES ('secure-delete', 1);`)
    return { number, since, jobs: 0 }
  }

  #statements(number: number): Part {
    const known = this.#parts.get(number)
    if (known) return known
    const table = `job_text_${number}`
    const part = {
      insert: this.#db.prepare(`INSERT INTO ${table} (rowid, text) VALUES (?, ?)`),
      remove: this.#db.prepare(`INSERT INTO ${table} (${table}, rowid, text) VALUES ('delete', ?, ?)`),
    }
    this.#parts.set(number, part)
    return part
  }
}

/** As words of a search are compared. A zero character would end a text of SQLite. */
export function foldText(text: string): string {
  return folded(text).replaceAll('\0', ' ')
}

/**
 * Texts as one. Between and around them are as many line breaks as a trigram has characters, so that the trigrams of
 * all are those of each: what was added in several steps is removed as one text.
 */
function framed(texts: readonly string[]): string {
  return foldText(`${FRAME}${texts.join(FRAME)}${FRAME}`)
}

/** The words that have trigrams. */
export function indexedWords(words: readonly string[]): readonly string[] {
  return words.filter((word) => [...word].length >= TRIGRAM)
}

/** All trigrams of all words, each a quoted text: nothing in a word is an expression. */
function matchOf(words: readonly string[]): string {
  const trigrams = new Set<string>()
  for (const word of words) {
    const letters = [...word]
    const count = letters.length - TRIGRAM + 1
    const stride = Math.max(1, count / MAX_TRIGRAMS)
    for (let at = 0; at < count; at += stride)
      trigrams.add(letters.slice(Math.floor(at), Math.floor(at) + TRIGRAM).join(''))
  }
  return [...trigrams].map((one) => `"${one.replaceAll('"', '""')}"`).join(' AND ')
}
