/*
 * bare.c
 *		The peer of the benchmarks: libcurl alone, nothing parsed.
 *
 * usage: bare URL PAGES [RUNS [CA_FILE]]
 *
 * Walks URL&start=0, 1, ... over one kept-alive connection and prints the
 * milliseconds of each run.  The bodies are received and thrown away.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static size_t
discard(char *data, size_t size, size_t count, void *bytes)
{
	(void) data;
	*(size_t *) bytes += size * count;
	return size * count;
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int
main(int argc, char **argv)
{
	CURL	   *curl = curl_easy_init();
	int			pages = atoi(argv[2]);
	int			runs = argc > 3 ? atoi(argv[3]) : 1;

	for (int run = -1; run < runs; run++)	/* the first warms up */
	{
		double		start = now_ms();
		size_t		bytes = 0;

		for (int page = 0; page < pages; page++)
		{
			char		url[1024];

			snprintf(url, sizeof(url), "%s&start=%d", argv[1], page);
			curl_easy_setopt(curl, CURLOPT_URL, url);
			curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
			curl_easy_setopt(curl, CURLOPT_WRITEDATA, &bytes);
			if (argc > 4)
				curl_easy_setopt(curl, CURLOPT_CAINFO, argv[4]);
			if (curl_easy_perform(curl) != CURLE_OK)
				return 1;
		}
		if (run >= 0)
			printf("%.2f ms, %zu bytes\n", now_ms() - start, bytes);
	}
	curl_easy_cleanup(curl);
	return 0;
}
