"""Reads every record of the topics whose names begin with a prefix, as someone else's program would that reads what
was committed: aiokafka shares no code with librdkafka or Waybill. One line for each record, as Postgres' COPY takes it:
topic, partition, offset, key, headers as JSON, value. Ends at the ends of all partitions; fails when it cannot get there.

Partitions are assigned, not subscribed to: it reads all of them to their ends and leaves no group behind.
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer, TopicPartition

PATIENCE_S = 60
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def line(record):
    headers = json.dumps({name: value.decode() for name, value in record.headers})
    texts = [record.key.decode(), headers, record.value.decode()]
    fields = [record.topic, str(record.partition), str(record.offset)]
    return "\t".join(fields + [text.translate(ESCAPES) for text in texts]) + "\n"


async def behind(consumer, ends):
    return [place for place, end in ends.items() if await consumer.position(place) < end]


async def read(brokers, prefix):
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        topics = [topic for topic in await consumer.topics() if topic.startswith(prefix)]
        metadata = await consumer._client.fetch_all_metadata()
        places = [TopicPartition(t, p) for t in topics for p in metadata.partitions_for_topic(t)]
        if not places:
            sys.exit(f"no topic begins with {prefix}")
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        while await behind(consumer, ends):
            found = await asyncio.wait_for(consumer.getmany(timeout_ms=1000), PATIENCE_S)
            for records in found.values():
                sys.stdout.writelines(map(line, records))
    finally:
        await consumer.stop()


asyncio.run(read(*sys.argv[1:]))
