/*
 * bare.c
 *		The peer of the benchmarks: libcurl alone, the same requests, nothing parsed.
 *
 * usage: bare URL PAGES [RUNS [CA_FILE]]
 *
 * Walks URL&start=0, 1, ... over one kept-alive connection and prints the
 * milliseconds of each run.  The bodies are received and thrown away; the headers
 * are those of hms, with a token as long as one of the account's.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define TOKEN_LEN 299

static size_t
discard(char *data, size_t size, size_t count, void *bytes)
{
	(void) data;
	*(size_t *) bytes += size * count;
	return size * count;
}

int
main(int argc, char **argv)
{
	CURL	   *curl = curl_easy_init();
	char		authorization[64 + TOKEN_LEN] = "Authorization: Bearer ";
	struct curl_slist *headers = NULL;
	int			pages = atoi(argv[2]);
	int			runs = argc > 3 ? atoi(argv[3]) : 1;

	memset(authorization + strlen(authorization), 'x', TOKEN_LEN);
	headers = curl_slist_append(headers, authorization);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Accept: application/json");
	for (int run = -1; run < runs; run++)	/* the first warms up */
	{
		double		start = now_ms();
		size_t		bytes = 0;

		for (int page = 0; page < pages; page++)
		{
			char		url[1024];

			snprintf(url, sizeof(url), "%s&start=%d", argv[1], page);
			curl_easy_setopt(curl, CURLOPT_URL, url);
			curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
			curl_easy_setopt(curl, CURLOPT_USERAGENT, "hms/1.0 (PostgreSQL)");
			curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip, br, zstd");
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
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	return 0;
}
