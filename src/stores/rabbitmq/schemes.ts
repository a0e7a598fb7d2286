/** Schemes of URLs that name a RabbitMQ; `pyamqp` is Celery's name for the first. */
export const AMQP_SCHEMES: readonly string[] = ['amqp', 'amqps', 'pyamqp', 'pyamqps']
