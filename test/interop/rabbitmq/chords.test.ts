import { chords } from '../suites/chords.ts'

/** Messages in RabbitMQ, results in Redis: where they are joined. */
chords({ broker: 'rabbitmq' })
