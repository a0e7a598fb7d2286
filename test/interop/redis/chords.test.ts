import { chords } from '../suites/chords.ts'

chords()
