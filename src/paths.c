/*
 * paths.c
 *		How the planner may read a list: alone, or with values of other relations
 *		as filters.
 */
#include "postgres.h"

#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"

#include "filters.h"
#include "paths.h"
#include "reader.h"

List *
hms_path_filters(PlannerInfo *root, const HmsList *list, List *conditions, List **used)
{
	if (list->endpoint == NULL)
		return NIL;
	return hms_filters_of(root, list->endpoint, list->rel, list->columns,
						  list->ncolumns, list->given, conditions, used);
}

/* Is this member of an equivalence the column at hand? */
static bool
is_column(PlannerInfo *root pg_attribute_unused(), RelOptInfo *rel,
		  EquivalenceClass *ec pg_attribute_unused(), EquivalenceMember *em, void *arg)
{
	Var		   *var = (Var *) em->em_expr;

	while (var && IsA(var, RelabelType))
		var = (Var *) ((RelabelType *) var)->arg;
	return var && IsA(var, Var) && (Index) var->varno == rel->relid &&
		var->varattno == *(AttrNumber *) arg;
}

/* Add the relations that these join conditions would take a filter's value from. */
static List *
add_outers(PlannerInfo *root, const HmsList *list, List *clauses, List *outers)
{
	RelOptInfo *rel = list->rel;
	ListCell   *cell;

	foreach(cell, clauses)
	{
		RestrictInfo *clause = lfirst_node(RestrictInfo, cell);
		Relids		outer;
		ListCell   *other;
		bool		known = false;

		if (!join_clause_is_movable_to(clause, rel) ||
			hms_path_filters(root, list, list_make1(clause), NULL) == NIL)
			continue;
		outer = bms_union(clause->clause_relids, rel->lateral_relids);
		outer = bms_del_member(outer, rel->relid);
		foreach(other, outers)
			known = known || bms_equal(lfirst(other), outer);
		if (!known && !bms_is_empty(outer) && !bms_equal(outer, rel->lateral_relids))
			outers = lappend(outers, outer);
	}
	return outers;
}

List *
hms_path_outers(PlannerInfo *root, const HmsList *list)
{
	RelOptInfo *rel = list->rel;
	List	   *outers = NIL;

	if (list->endpoint == NULL)
		return NIL;
	outers = add_outers(root, list, rel->joininfo, outers);
	for (AttrNumber i = 1; rel->has_eclass_joins && i <= list->ncolumns; i++)
	{
		if (list->columns[i - 1] && hms_filters_take(list->endpoint, list->columns[i - 1]))
			outers = add_outers(root, list,
								generate_implied_equalities_for_column(root, rel, is_column, &i,
																	   rel->lateral_referencers),
								outers);
	}
	return outers;
}

void
hms_path_fill(PlannerInfo *root, const HmsList *list, Path *path, Relids outer)
{
	RelOptInfo *rel = list->rel;
	List	   *conditions = list_copy(rel->baserestrictinfo);
	List	   *used = NIL;
	double		asked = rel->tuples;
	Cost		first;
	Cost		all;

	path->parent = rel;
	path->pathtarget = rel->reltarget;
	path->param_info = get_baserel_parampathinfo(root, rel, outer);
	path->rows = path->param_info ? path->param_info->ppi_rows : rel->rows;
	if (path->param_info)
		conditions = list_concat(conditions, path->param_info->ppi_clauses);
	if (hms_path_filters(root, list, conditions, &used) != NIL)
		asked = clamp_row_est(asked * clauselist_selectivity(root, used, rel->relid,
															 JOIN_INNER, NULL));
	hms_reader_cost(list->endpoint, asked, &first, &all);
	path->startup_cost = first + rel->baserestrictcost.startup + rel->reltarget->cost.startup;
	path->total_cost = path->startup_cost + all - first +
		asked * (cpu_tuple_cost + rel->baserestrictcost.per_tuple) +
		path->rows * rel->reltarget->cost.per_tuple;
}
