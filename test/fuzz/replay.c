/*
 * replay.c
 *		Runs the fuzz target without a fuzzer, where there is no libFuzzer.
 *
 * usage: replay COUNT FILE...: each file as it is, then COUNT mutations of it,
 * the same ones at every run.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST 65536

/* A random number of a fixed sequence (xorshift). */
static uint64_t
next_random(void)
{
	static uint64_t state = 88172645463325252U;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Change a few bytes, or cut some out, or put some of its own in; its size. */
static size_t
mutate(uint8_t *bytes, size_t size)
{
	static const char likely[] = "{}[]\",:\\u0eE+-.19tfn \n\x80\xc3\xed\xf0";

	for (int changes = 1 + next_random() % 4; changes > 0 && size > 1; changes--)
	{
		size_t		at = next_random() % size;
		size_t		length = 1 + next_random() % (size - at);

		switch (next_random() % 4)
		{
			case 0:
				bytes[at] = next_random();
				break;
			case 1:
				bytes[at] = likely[next_random() % (sizeof(likely) - 1)];
				break;
			case 2:
				memmove(bytes + at, bytes + at + length, size - at - length);
				size -= length;
				break;
			default:
				if (size + length <= LONGEST)
				{
					memmove(bytes + at + length, bytes + at, size - at);
					size += length;
				}
		}
	}
	return size;
}

int
main(int argc, char **argv)
{
	static uint8_t original[LONGEST];
	static uint8_t bytes[LONGEST];
	long		count = argc > 1 ? atol(argv[1]) : 0;
	long		inputs = 0;

	for (int i = 2; i < argc; i++)
	{
		FILE	   *file = fopen(argv[i], "rb");
		size_t		size;

		if (file == NULL)
		{
			perror(argv[i]);
			return 1;
		}
		size = fread(original, 1, LONGEST, file);
		fclose(file);
		LLVMFuzzerTestOneInput(original, size);
		inputs++;
		for (long n = 0; n < count; n++, inputs++)
		{
			memcpy(bytes, original, size);
			LLVMFuzzerTestOneInput(bytes, mutate(bytes, size));
		}
	}
	printf("%ld inputs, none violates anything\n", inputs);
	return inputs == 0;
}
