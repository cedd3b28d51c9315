/*
 * paths.h
 *		How the planner may read a list: alone, or with values of other relations
 *		as filters.
 */
#ifndef HMS_PATHS_H
#define HMS_PATHS_H

#include "postgres.h"

#include "nodes/pathnodes.h"

#include "endpoints.h"

/* A relation that reads an endpoint. */
typedef struct HmsList
{
	RelOptInfo *rel;
	const HmsEndpoint *endpoint;	/* NULL: not known before it runs */
	const char **columns;		/* the relation's, by the endpoint's names; NULL:
								 * it has another one or none */
	int			ncolumns;
	Bitmapset  *given;			/* parameters that no condition may take the place
								 * of: an argument does */
} HmsList;

/* The filters of these conditions, as hms_filters_of gives them. */
extern List *hms_path_filters(PlannerInfo *root, const HmsList *list,
							  List *conditions, List **used);

/*
 * The sets of other relations, as Relids, whose values would make filters: a
 * list read once for each of their rows.
 */
extern List *hms_path_outers(PlannerInfo *root, const HmsList *list);

/*
 * Fill in the parent, target, parameters, rows and costs of a path that takes
 * its parameters from these relations.
 */
extern void hms_path_fill(PlannerInfo *root, const HmsList *list, Path *path,
						  Relids outer);

#endif							/* HMS_PATHS_H */
